import { describe, expect, it } from 'vitest';
import { qrRows } from './terminalQr.js';

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

  it.each([
    'http://127.0.0.1:7492/#login=t',
    'http://localhost:1/',
    'http://[::1]:1/',
    'http://pizzapi.localhost:7492/l#c',
  ])('no QR code is returned for %s, which only this machine can open', (url) =>
    expect(qrRows(url, 200)).toBeUndefined(),
  );

  it('no QR code is returned when the terminal is too narrow or the text is too long', () => {
    expect([qrRows(link, 40), qrRows(`https://relay.example/${'x'.repeat(2_000)}`, 1_000)]).toEqual([
      undefined,
      undefined,
    ]);
  });
});
