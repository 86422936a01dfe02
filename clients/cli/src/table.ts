import { displayWidth, padToWidth } from './displayWidth.js';
import { paint, toSafeLine, type Io } from './io.js';

export interface Column {
  title: string;
  /** The maximum number of characters in a cell. */
  widest: number;
}

/** Returns rows under a heading, in aligned columns, each as one safe line. `past` marks rows that are shown dimmed. */
export function tableRows(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  io: Pick<Io, 'colour'>,
  past: (row: number) => boolean = () => false,
): string[] {
  const heading = columns.map(({ title }) => title);
  const cells = [heading, ...rows].map((row) => row.map((cell, at) => toSafeLine(cell, columns[at]!.widest)));
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => displayWidth(row[at]!))));
  return cells.map((row, index) => {
    const padded = row.map((cell, at) => padToWidth(cell, widths[at]!));
    const text = padded.join('  ').trimEnd();
    return index === 0 || past(index - 1) ? paint(io, 'dim', text) : text;
  });
}
