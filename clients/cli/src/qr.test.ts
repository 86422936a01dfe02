import { describe, expect, it } from 'vitest';
import { qrRows } from './qr.js';

const link = `https://relay.example.com/s/s_abcdefghijklmnopqrst#share=${'x'.repeat(360)}`;

describe('a QR code', () => {
  it('a QR code is a square of half blocks with a light border', () => {
    const rows = qrRows('https://relay.example.com/pair#ABCD-EFGH', 80)!;
    const widths = new Set(rows.map((row) => row.length));
    expect([...widths]).toEqual([rows[0]!.length]);
    expect(Math.ceil(rows[0]!.length / 2)).toBe(rows.length);
    expect(rows[0]).toMatch(/^█+$/);
    for (const row of rows) expect(row).toMatch(/^([█▀]{2})[█▀▄ ]+\1$/);
  });

  it('the QR code of a share link fits a terminal of 80 columns', () => {
    expect(qrRows(link, 80)).toBeDefined();
  });

  it('no QR code is returned when the terminal is too narrow or the text is too long', () => {
    expect([qrRows(link, 40), qrRows('x'.repeat(2_000), 1_000)]).toEqual([undefined, undefined]);
  });
});
