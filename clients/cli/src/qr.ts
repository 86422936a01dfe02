import { renderUnicodeCompact } from 'uqr';
import { line, paint, type Io } from './io.js';

/** The width of the light border, which a camera needs to find the code. */
const QUIET_ZONE = 2;
/** The maximum length of a text: the code of a longer text does not fit a terminal. */
const LONGEST = 1_000;

/**
 * Returns a text as a QR code of half blocks, one string for each row of the terminal. Returns undefined when the code
 * is wider than `columns`.
 */
export function qrRows(text: string, columns: number): string[] | undefined {
  if (text.length > LONGEST) return undefined;
  const rows = renderUnicodeCompact(text, { ecc: 'L', border: QUIET_ZONE }).split('\n');
  return rows[0]!.length > columns ? undefined : rows;
}

/** Prints a text as a QR code on a terminal, and nothing elsewhere. */
export function showQr(io: Io, stream: NodeJS.WritableStream, text: string): void {
  const { columns } = io.terminal;
  if (columns === undefined) return;
  const rows = qrRows(text, columns);
  if (rows === undefined) return line(io.stderr, 'The QR code is wider than this terminal.');
  // The colours are set explicitly: the code has to be dark on light on every terminal.
  for (const row of rows) line(stream, paint(io, ['whiteBright', 'bgBlack'], row));
}
