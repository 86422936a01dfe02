import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GitProgram } from './gitProgram.js';
import { gitDiff } from './gitReads.js';
import { gitStage } from './gitWrites.js';
import { gitStageHunk, gitUnstageHunk } from './hunkStaging.js';
import { Repository } from './repository.js';
import { TestRepositories } from './testing/repositories.js';

const repositories = new TestRepositories();
const { signal } = new AbortController();
let git: GitProgram;
beforeAll(async () => (git = await repositories.program()));
afterAll(() => repositories.remove());

const NUMBERS = Array.from({ length: 30 }, (_, i) => `line ${i + 1}`);
/** A name that git quotes, with lines that end as on Windows and a last line without an end. */
const PATH = 'with "quotes"\tand é.txt';
const text = (lines: readonly string[]) => lines.join('\r\n');
const changed = (changes: Record<number, string>) => text(NUMBERS.map((line, i) => changes[i + 1] ?? line));

/** A file with a change at its beginning and one at its end, of which nothing is staged. */
async function make() {
  const top = repositories.make();
  repositories.write(top, { [PATH]: text(NUMBERS) });
  repositories.git(top, 'add', '.');
  repositories.git(top, 'commit', '--quiet', '-m', 'numbers');
  writeFileSync(join(top, PATH), changed({ 2: 'two', 30: 'thirty ' }));
  chmodSync(join(top, PATH), 0o755);
  const repository = await Repository.find(git, top, [repositories.base]);
  const shown = async (what: 'index' | 'work_tree') => {
    const { was = null, now = null, patch } = (await gitDiff(repository, { path: PATH, what }, signal)).diff!;
    const hunks =
      Buffer.from(patch, 'base64')
        .toString()
        .match(/^@@ .+? @@/gm) ?? [];
    return { hunks, of: (hunk = '') => ({ path: PATH, was, now, hunk }) };
  };
  const staged = () => repositories.git(top, 'show', `:${PATH}`);
  return { top, repository, shown, staged };
}

describe('one hunk of a file', () => {
  it('is staged and unstaged byte for byte, without the other hunks and the mode of the file', async () => {
    const { top, repository, shown, staged } = await make();
    const { hunks, of } = await shown('work_tree');
    expect(hunks).toHaveLength(2);
    await gitStageHunk(repository, of(hunks[1]), signal);
    expect(staged()).toBe(changed({ 30: 'thirty ' }));
    expect(repositories.git(top, 'ls-files', '--stage', '--', PATH)).toMatch(/^100644/);
    const rest = await shown('work_tree');
    await gitStageHunk(repository, rest.of(rest.hunks[0]), signal);
    expect(staged()).toBe(changed({ 2: 'two', 30: 'thirty ' }));
    const both = await shown('index');
    await gitUnstageHunk(repository, both.of(both.hunks[1]), signal);
    expect(staged()).toBe(changed({ 2: 'two' }));
  });

  it('is refused when the file or the index has another content than was shown', async () => {
    const { top, repository, shown, staged } = await make();
    const { hunks, of } = await shown('work_tree');
    const before = staged();
    const refused = { code: 'git_changed' };
    writeFileSync(join(top, PATH), changed({ 2: 'zwei', 30: 'thirty ' }));
    await expect(gitStageHunk(repository, of(hunks[0]), signal)).rejects.toMatchObject(refused);
    const again = await shown('work_tree');
    await expect(gitStageHunk(repository, again.of('@@ -9,1 +9,1 @@'), signal)).rejects.toMatchObject(refused);
    expect(staged()).toBe(before);
    await gitStageHunk(repository, again.of(again.hunks[0]), signal);
    await expect(gitStageHunk(repository, again.of(again.hunks[1]), signal)).rejects.toMatchObject(refused);
    await expect(gitUnstageHunk(repository, again.of(again.hunks[0]), signal)).rejects.toMatchObject(refused);
    expect(staged()).toBe(changed({ 2: 'zwei' }));
  });

  it('of a new file, a binary file or a path outside is refused', async () => {
    const { top, repository } = await make();
    repositories.write(top, { 'new.txt': 'new\n', 'a.txt': 'a\0b' });
    await gitStage(repository, { paths: ['new.txt'] }, signal);
    for (const [path, what] of [
      ['new.txt', 'index'],
      ['a.txt', 'work_tree'],
    ] as const) {
      const { was = null, now = null } = (await gitDiff(repository, { path, what }, signal)).diff!;
      const change = what === 'index' ? gitUnstageHunk : gitStageHunk;
      const request = { path, was, now, hunk: '@@ -1 +1 @@' };
      await expect(change(repository, request, signal)).rejects.toMatchObject({ code: 'bad_request' });
    }
    const outside = { path: '../a.txt', was: null, now: null, hunk: '@@ -1 +1 @@' };
    await expect(gitStageHunk(repository, outside, signal)).rejects.toMatchObject({ code: 'forbidden' });
  });
});
