import { expect, it } from 'vitest';
import { timingReport, type FileTiming } from './timingReport.js';

const file = (project: string, name: string, startedAt: number, endedAt: number): FileTiming => ({
  project,
  file: name,
  startedAt,
  endedAt,
});

it('the report of test times lists the projects with their duration and sum, and the slowest files first', () => {
  const report = timingReport(
    [
      file('pure', 'a.test.ts', 1_000, 2_000),
      file('pure', 'b.test.ts', 1_500, 1_600),
      file('system', 'tests/c.test.ts', 2_000, 105_250),
    ],
    2,
  );
  expect(report.split('\n')).toEqual([
    'Time of each project:',
    '  project  files  duration  sum of files',
    '  pure         2     1.0 s         1.1 s',
    '  system       1   103.3 s       103.3 s',
    '',
    'The 2 slowest test files:',
    '  103.3 s  system  tests/c.test.ts',
    '    1.0 s  pure    a.test.ts',
  ]);
});
