import { describe, expect, it } from 'vitest';
import { qrRows } from './qr.js';

const link = `https://relay.example.com/s/s_abcdefghijklmnopqrst#share=${'x'.repeat(360)}`;

describe('a QR code', () => {
  it('is a square of half blocks with a light border', () => {
    const rows = qrRows('https://relay.example.com/pair#ABCD-EFGH', 80)!;
    const widths = new Set(rows.map((row) => row.length));
    expect([...widths]).toEqual([rows[0]!.length]);
    expect(Math.ceil(rows[0]!.length / 2)).toBe(rows.length);
    expect(rows[0]).toMatch(/^█+$/);
    for (const row of rows) expect(row).toMatch(/^([█▀]{2})[█▀▄ ]+\1$/);
  });

  it('of a share link has room on a terminal of 80 columns', () => {
    expect(qrRows(link, 80)).toBeDefined();
  });

  it('is not there when it would be broken into pieces, or cannot be read by anything', () => {
    expect([qrRows(link, 40), qrRows('x'.repeat(2_000), 1_000)]).toEqual([undefined, undefined]);
  });
});
