import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { changedPaths, repair, snapshot } from './folderSnapshot.js';

let root: string;
let original: string;
let copy: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pizzapi-snapshot-'));
  [original, copy] = [join(root, 'original'), join(root, 'copy')];
  mkdirSync(join(original, 'a/b'), { recursive: true });
  for (const name of ['one', 'a/two', 'a/b/three']) writeFileSync(join(original, name), name);
  execFileSync('cp', ['-a', original, copy]);
});
afterEach(() => rmSync(root, { recursive: true }));

it.each<[string, () => void]>([
  ['a new file', () => writeFileSync(join(copy, 'a/new'), 'x')],
  ['a changed file', () => writeFileSync(join(copy, 'a/two'), 'TWO')],
  ['a changed mode', () => chmodSync(join(copy, 'one'), 0o600)],
  ['a removed folder', () => rmSync(join(copy, 'a'), { recursive: true })],
  ['a moved folder', () => renameSync(join(copy, 'a/b'), join(copy, 'c'))],
  [
    'a file that replaces a folder',
    () => (rmSync(join(copy, 'a/b'), { recursive: true }), writeFileSync(join(copy, 'a/b'), '')),
  ],
])('a copy with %s differs from its original, and is equal to it after the repair', (_what, change) => {
  const state = snapshot(original);
  expect(changedPaths(state, snapshot(copy))).toEqual([]);
  change();
  const changed = changedPaths(state, snapshot(copy));
  expect(changed).not.toEqual([]);
  expect(repair(copy, original, state, changed)).toBe(true);
  expect(snapshot(copy)).toEqual(state);
});

it('a copy with many changes is not repaired', () => {
  const state = snapshot(original);
  for (let index = 0; index < 30; index++) writeFileSync(join(copy, `new-${index}`), '');
  expect(repair(copy, original, state, changedPaths(state, snapshot(copy)))).toBe(false);
});
