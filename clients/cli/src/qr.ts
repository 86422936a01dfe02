import { paintedQrRow, qrRows } from '@pizzapi/process';
import { isOfThisMachine } from '@pizzapi/protocol';
import { line, paint, type Io } from './io.js';

/** What to do when only this machine can open an address. */
export const LOCAL_ONLY =
  'No QR code: this address opens on this machine only. `npm start -- --lan` gives one that a phone can open.';

/**
 * Prints an address as a QR code on a terminal, and nothing elsewhere. Prints what to do instead when no other device can
 * open the address.
 */
export function showQr(io: Io, stream: NodeJS.WritableStream, url: string): void {
  const { columns } = io.terminal;
  if (isOfThisMachine(url)) return line(io.stderr, paint(io, 'yellow', LOCAL_ONLY));
  if (columns === undefined) return;
  const rows = qrRows(url, columns);
  if (rows === undefined) return line(io.stderr, 'The QR code is wider than this terminal.');
  for (const row of rows) line(stream, paintedQrRow(row));
}
