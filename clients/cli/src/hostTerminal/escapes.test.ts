import { describe, expect, it } from 'vitest';
import { EscapeReader } from './escapes.js';
import { withoutQueries } from './queries.js';

describe('what is typed into a terminal of a host', () => {
  it.each([
    ['ls\r', 'ls\r', []],
    ['~.', '', ['detach']],
    ['ls\r~.rm', 'ls\r', ['detach']],
    ['a~.', 'a~.', []],
    ['~~.', '~.', []],
    ['~a\r~k', '~a\r', ['keyboard']],
    ['~?x', 'x', ['help']],
    ['cd ~/x\r', 'cd ~/x\r', []],
    ['é~.', 'é~.', []],
  ] as const)('%j goes to the shell as %j, with the escapes %j', (typed, input, escapes) => {
    const whole = new EscapeReader().read(Buffer.from(typed));
    expect([Buffer.from(whole.input).toString(), whole.escapes]).toEqual([input, escapes]);
    // However it comes.
    const reader = new EscapeReader();
    const parts = [...Buffer.from(typed)].map((byte) => reader.read(Uint8Array.of(byte)));
    const until = parts.findIndex((part) => part.escapes.includes('detach'));
    const read = until < 0 ? parts : parts.slice(0, until + 1);
    expect(Buffer.concat(read.map((part) => part.input)).toString()).toBe(input);
    expect(read.flatMap((part) => part.escapes)).toEqual(escapes);
  });
});

describe('output of earlier', () => {
  it.each([
    ['device attributes', '\x1b[c\x1b[>0c\x1b[=c'],
    ['the position of the cursor', '\x1b[6n\x1b[?6n\x1b[5n'],
    ['a mode', '\x1b[?2026$p'],
    ['colours', '\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]4;1;?\x07'],
    ['the clipboard', '\x1b]52;c;?\x07'],
    ['settings', '\x1bP$qm\x1b\\\x1bP+q544e\x1b\\'],
    ['its size', '\x1b[18t'],
    ['its version', '\x1b[>q\x1b[?u\x05'],
  ])('asks no more about %s', (_what, query) => {
    expect(Buffer.from(withoutQueries(Buffer.from(`a${query}b`))).toString()).toBe('ab');
  });

  it('is else the same, byte by byte', () => {
    const output = Buffer.from('\x1b[31mred\x1b[0m\x1b]0;why?x\x07\x1b[2J\x1b[?25l é\r\n');
    const bytes = Buffer.concat([output, Buffer.from([0xff, 0x80, 0x00])]);
    expect(Buffer.from(withoutQueries(bytes))).toEqual(bytes);
  });
});
