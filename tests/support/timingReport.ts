/** When one test file started and ended, in ms since epoch. */
export interface FileTiming {
  project: string;
  file: string;
  startedAt: number;
  endedAt: number;
}

/** Number of files that the report lists. */
const SLOWEST = 20;

/**
 * Returns two tables: for each project the number of files, the time from its first start to its last end, and the sum of
 * the times of its files; then the slowest files. Projects of one group run at the same time.
 */
export function timingReport(timings: readonly FileTiming[], slowest = SLOWEST): string {
  const names = [...new Set(timings.map(({ project }) => project))];
  const projects = names.map((project) => {
    const files = timings.filter((timing) => timing.project === project);
    const first = Math.min(...files.map(({ startedAt }) => startedAt));
    const last = Math.max(...files.map(({ endedAt }) => endedAt));
    const sum = files.reduce((total, file) => total + durationOf(file), 0);
    return [project, String(files.length), seconds(last - first), seconds(sum)];
  });
  const files = timings
    .toSorted((a, b) => durationOf(b) - durationOf(a))
    .slice(0, slowest)
    .map((timing) => [seconds(durationOf(timing)), timing.project, timing.file]);
  return [
    'Time of each project:',
    ...table([['project', 'files', 'duration', 'sum of files'], ...projects], [false, true, true, true]),
    '',
    `The ${files.length} slowest test files:`,
    ...table(files, [true, false, false]),
  ].join('\n');
}

function durationOf({ startedAt, endedAt }: FileTiming): number {
  return endedAt - startedAt;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Returns the rows as lines with aligned columns. `isRight` selects the alignment of each column. */
function table(rows: readonly string[][], isRight: readonly boolean[]): string[] {
  const widths = isRight.map((_, column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  const cell = (text: string, column: number) =>
    isRight[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  return rows.map((row) => `  ${row.map(cell).join('  ')}`.trimEnd());
}
