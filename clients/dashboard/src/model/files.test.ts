import type { FileEntry } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { childPath, isFileName, matchPath, nameOf, parentPath, pathKey, shownPath } from './filePath.js';
import { fileRows } from './fileRows.js';
import { decodeFile, encodeFile, fromBase64, toBase64, type FileEncoding } from './fileText.js';

it('a path stays text as long as every name on the way is one', () => {
  const odd = { name: 'a\ufffd', bytes: btoa('a\xff') };
  expect(childPath('/work', { name: 'ä' })).toBe('/work/ä');
  expect(childPath('/', { name: 'a' })).toBe('/a');
  const path = childPath('/wörk', odd);
  expect(path).toEqual({ base64: btoa('/w\xc3\xb6rk/a\xff') });
  expect(childPath(path, { name: 'ö' })).toEqual({ base64: btoa('/w\xc3\xb6rk/a\xff/\xc3\xb6') });
  expect(parentPath(path)).toEqual({ base64: btoa('/w\xc3\xb6rk') });
  expect([parentPath('/a/b'), parentPath('/a'), nameOf('/a/b'), pathKey('/a')]).toEqual(['/a', '/', 'b', '/a']);
  expect(matchPath('/work', { path: 'a/b.ts' })).toBe('/work/a/b.ts');
  expect([shownPath('/work/a', '/work'), shownPath('/worker/a', '/work')]).toEqual(['a', '/worker/a']);
});

it('a name that no file can have is refused', () => {
  expect(['a', '.env', 'a b', 'ä'.repeat(127)].map(isFileName)).toEqual([true, true, true, true]);
  expect(['', ' ', '.', '..', 'a/b', 'a\0', 'ä'.repeat(128)].some(isFileName)).toBe(false);
});

it.each<[FileEncoding, boolean, string]>([
  ['utf-8', false, 'ä\n😀'],
  ['utf-8', true, 'ä'],
  ['utf-16le', true, 'ä😀'],
  ['utf-16be', true, 'ä😀'],
  ['windows-1252', false, 'caf\xe9'],
])('a text in %s is written back byte for byte', (encoding, mark, text) => {
  const encoded = encodeFile(text, { encoding, mark });
  const bytes = encoded.kind === 'bytes' ? encoded.bytes : new Uint8Array();
  const decoded = decodeFile(fromBase64(toBase64(bytes)), encoding, mark);
  expect(decoded).toMatchObject({ text, encoding, mark });
  expect(encodeFile(decoded.text, decoded)).toEqual(encoded);
});

it('a text in windows-1252 has its own characters', () => {
  const encoded = encodeFile('€\xfcŸ', { encoding: 'windows-1252', mark: false });
  expect(encoded).toEqual({ kind: 'bytes', bytes: Uint8Array.from([0x80, 0xfc, 0x9f]) });
});

it('a character that the encoding of a file does not have is named', () => {
  expect(encodeFile('a😀', { encoding: 'windows-1252', mark: false })).toEqual({ kind: 'impossible', character: '😀' });
});

it('the ends of lines of a file are known when they are all the same', () => {
  const end = (text: string) => decodeFile(new TextEncoder().encode(text), 'utf-8', false).lineEnd;
  expect(['a\nb', 'a\r\nb\r\n', 'a\r\nb\n', 'a'].map(end)).toEqual(['\n', '\r\n', '\n', '\n']);
});

it('the tree shows what is in open folders below them, and that there is more', () => {
  const entry = (name: string, kind: FileEntry['kind'] = 'file'): FileEntry => ({ name, kind, size: 0, modified: 0 });
  const folders = new Map([
    ['/w', { entries: [entry('a', 'folder'), entry('b', 'folder'), entry('c')], hasMore: true, total: 10 }],
    ['/w/a', { entries: [entry('x')], hasMore: false, total: 1 }],
  ]);
  const rows = fileRows('/w', folders, (key) => key === '/w/a' || key === '/w/b');
  expect(rows.map(({ key, depth }) => `${depth} ${key}`)).toEqual([
    ...['0 /w/a', '1 /w/a/x', '0 /w/b', '1 wait /w/b', '0 /w/c', '0 more /w'],
  ]);
});
