import { describe, expect, it } from 'vitest';
import { detectEncoding, mediaTypeOf } from './encoding.js';
import { parseStatus } from './gitStates.js';
import { bytePath, named, readPath } from './bytePath.js';

describe('the encoding of a file', () => {
  it.each<[string, Buffer, string | undefined]>([
    ['plain ASCII', Buffer.from('abc\r\n\tx'), 'utf-8'],
    ['nothing', Buffer.alloc(0), 'utf-8'],
    ['UTF-8', Buffer.from('ä€😀'), 'utf-8'],
    ['UTF-8 with its mark', Buffer.from('\ufeffa'), 'utf-8'],
    ['UTF-16 with its mark', Buffer.from('\ufeffa', 'utf16le'), 'utf-16le'],
    ['one byte for each character', Buffer.from('caf\xe9', 'latin1'), 'windows-1252'],
    ['NUL bytes', Buffer.from('a\0b'), undefined],
    ['an image', Buffer.from('\x89PNG\r\n\x1a\n\0\0', 'latin1'), undefined],
  ])('is found from the beginning: %s', (_what, bytes, encoding) => {
    expect(detectEncoding(bytes, true).encoding).toBe(encoding);
  });

  it('is UTF-8 also when the beginning ends within a character, and not when the file does', () => {
    const cut = Buffer.from('a😀').subarray(0, 3);
    expect(detectEncoding(cut, false).encoding).toBe('utf-8');
    expect(detectEncoding(cut, true).encoding).toBe('windows-1252');
  });

  it('of an image is its media type by its content, and by the name for others', () => {
    expect(mediaTypeOf(Buffer.from('\xff\xd8\xff', 'latin1'), 'a.txt')).toBe('image/jpeg');
    expect(mediaTypeOf(Buffer.from('<svg'), 'a.SVG')).toBe('image/svg+xml');
    expect(mediaTypeOf(Buffer.from('x'), 'a')).toBeUndefined();
  });
});

describe('the states of git', () => {
  it('of a folder are those of what is in it, the strongest first', () => {
    const states = parseStatus('UU a/x\0 M a/y\0?? b/\0!! c/d\0 M up\0!! dist/\0', '');
    expect(['a', 'b', 'c', 'up', 'dist', 'other'].map((name) => states.of(bytePath(name)))).toEqual([
      ...['conflict', 'untracked', undefined, 'modified', 'ignored', undefined],
    ]);
  });

  it('of a folder in one that is untracked or ignored as a whole are the same', () => {
    expect(parseStatus('?? new/\0', 'new/deep/').of(bytePath('x'))).toBe('untracked');
    expect(parseStatus(' M sub/a\0 M other\0', 'sub/').of(bytePath('a'))).toBe('modified');
  });
});

describe('a path', () => {
  it('has its bytes beside its text only when the text is not exact', () => {
    expect(named(readPath('a/ä'))).toEqual({ path: 'a/ä' });
    expect(named(bytePath('a\xff'))).toEqual({ path: 'a\ufffd', bytes: 'Yf8=' });
    expect(named(readPath('a\rb')).bytes).toBe('YQ1i');
    expect(() => readPath({ base64: 'YQBi' })).toThrow();
  });
});
