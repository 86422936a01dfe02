import { renderUnicodeCompact } from 'uqr';
import { line, paint, type Io } from './io.js';

/** Light modules around the code, which a camera needs to find it. */
const QUIET_ZONE = 2;
/** Characters that are shown as a code at all: more make one that no terminal has room for. */
const LONGEST = 1_000;

/** A text as a QR code of half blocks, a row of the terminal each. Undefined when it is too wide for `columns`. */
export function qrRows(text: string, columns: number): string[] | undefined {
  if (text.length > LONGEST) return undefined;
  const rows = renderUnicodeCompact(text, { ecc: 'L', border: QUIET_ZONE }).split('\n');
  return rows[0]!.length > columns ? undefined : rows;
}

/** Shows a text as a QR code on a terminal, and nothing elsewhere. */
export function showQr(io: Io, stream: NodeJS.WritableStream, text: string): void {
  const { columns } = io.terminal;
  if (columns === undefined) return;
  const rows = qrRows(text, columns);
  if (rows === undefined) return line(io.stderr, 'The QR code is wider than this terminal.');
  // In colours of its own: the code has to be dark on light whatever the terminal's colours are.
  for (const row of rows) line(stream, paint(io, ['whiteBright', 'bgBlack'], row));
}
