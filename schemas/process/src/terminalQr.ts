import { isOfThisMachine } from '@pizzapi/protocol';
import { renderUnicodeCompact } from 'uqr';

/** The width of the light border, which a camera needs to find the code. */
const QUIET_ZONE = 2;
/** The maximum length of a text: the code of a longer text does not fit a terminal. */
const LONGEST = 1_000;
/** Sets the colours explicitly: the code has to be dark on light on every terminal. */
const COLOURS = { on: '\u001b[97;40m', off: '\u001b[0m' };

/**
 * Returns an address as a QR code of half blocks, one string for each row of the terminal. Returns undefined when the
 * code is wider than `columns`, and for an address of this machine, which no other device can open.
 */
export function qrRows(url: string, columns: number): string[] | undefined {
  if (url.length > LONGEST || isOfThisMachine(url)) return undefined;
  const rows = renderUnicodeCompact(url, { ecc: 'L', border: QUIET_ZONE }).split('\n');
  return rows[0]!.length > columns ? undefined : rows;
}

/** A row of a QR code in its own colours. */
export const paintedQrRow = (row: string): string => `${COLOURS.on}${row}${COLOURS.off}`;
