import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, FILE_CALLER as ada, filesOnDisk, type FilesOnDisk } from '../../../testing/filesOnDisk.js';
import { fromText, toText } from '../bytePath.js';
import type { HostFiles } from '../hostFiles.js';
import { scoreName } from './fuzzy.js';
import { globFilter } from './globs.js';
import { patternOf } from './pattern.js';
import { parseMatch, SHOWN_BYTES, shownPart } from './rawMatch.js';
import { ripgrepArgs } from './searchProcess.js';
import { grep, walk } from './walk.js';

let disk: FilesOnDisk;
let root: string;
let files: HostFiles;

beforeAll(async () => {
  disk = await filesOnDisk();
  root = disk.root;
  await mkdir(join(root, 'src', 'deep'), { recursive: true });
  await mkdir(join(root, '.git'));
  await writeFile(join(root, '.git', 'config'), 'needle');
  await writeFile(join(root, 'src', 'a.ts'), 'one\ntwo Ä needle, needle\nthree\n');
  await writeFile(join(root, 'src', 'deep', 'fileTree.ts'), 'NEEDLE');
  await writeFile(join(root, 'binary'), Buffer.from('needle\0'));
  await writeFile(join(root, '.hidden'), 'needle');
  await symlink(disk.outside, join(root, 'out'));
  await writeFile(join(disk.outside, 'secret.txt'), 'a needle outside');
  // Plays ripgrep: says what a test wants it to say, or nothing for long.
  await writeFile(
    join(disk.base, 'rg'),
    `#!/bin/sh\necho $$ >> ${disk.base}/started; cat ${disk.base}/said; exec sleep "$(cat ${disk.base}/seconds)"\n`,
    { mode: 0o755 },
  );
  files = await disk.open({ programs: () => ({ ripgrep: join(disk.base, 'rg'), git: undefined, walker: 'none' }) });
});
afterEach(() => rm(join(disk.base, 'said'), { force: true }));
afterAll(() => disk.close());

const says = async (lines: readonly unknown[], seconds = 0) => {
  await writeFile(join(disk.base, 'said'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await writeFile(join(disk.base, 'seconds'), String(seconds));
};
const match = (path: string, line: string, offset = 0, number = 1) => ({
  type: 'match',
  data: {
    path: { text: path },
    lines: { text: line },
    line_number: number,
    absolute_offset: offset,
    submatches: [{ start: line.indexOf('needle'), end: line.indexOf('needle') + 6 }],
  },
});
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const search = (more = {}) => files.search({ query: 'needle', in: 'contents', waitMs: 20_000, ...more }, ada);
const SECOND = 'two Ä needle, needle';

describe('matches in contents', () => {
  it('are answered with their line and the part that matched, in bytes', async () => {
    await says([match('./src/a.ts', `${SECOND}\n`, 4, 2)]);
    const found = await search();
    expect(found).toMatchObject({ by: 'ripgrep', matches: [{ path: 'src/a.ts', line: 2, ranges: [[6, 12]] }] });
    expect(Buffer.from(found.matches[0]!.text!, 'base64').toString()).toBe(SECOND);
  });

  it.each([
    ['lies behind a link out', match('out/secret.txt', 'a needle outside')],
    ['is named by ../', match('../home-of-another/secret.txt', 'a needle outside')],
    ['has another content by now', match('src/a.ts', 'a needle outside')],
    ['is gone', match('none', 'needle')],
  ])('of a file that %s are left out, whatever the process says', async (_what, said) => {
    await says([said, match('.hidden', 'needle')]);
    expect((await search()).matches.map(({ path }) => path)).toEqual(['.hidden']);
  });

  it('come as they are found, page by page, and a search that is cancelled is gone with its process', async () => {
    await says([match('.hidden', 'needle')], 60);
    const first = await search();
    expect([first.matches.length, first.next]).toEqual([1, 1]);
    const { searchId } = first;
    const guest = { ...ada, within: 's1' };
    expect(await codeOf(files.searchMore({ searchId, after: 1 }, guest))).toBe('search_unknown');
    expect(await files.searchMore({ searchId, after: 1, waitMs: 0 }, ada)).toMatchObject({ matches: [], next: 1 });
    files.cancelSearch({ searchId }, ada);
    expect(await codeOf(files.searchMore({ searchId, after: 1 }, ada))).toBe('search_unknown');
  });

  it('end at the limit, which the answer says', async () => {
    await says(
      Array.from({ length: 5 }, () => match('.hidden', 'needle')),
      60,
    );
    const first = await search({ limit: 3 });
    const last =
      first.next === undefined ? first : await files.searchMore({ searchId: first.searchId, after: first.next }, ada);
    expect(last.limited).toBe(true);
  });

  it('of an expression that cannot be read are refused with the reason', async () => {
    const host = await disk.open();
    const code = await codeOf(host.search({ query: '(', in: 'contents', regex: true }, ada));
    expect(code).toBe('search_invalid');
  });
});

describe('our walker', () => {
  const found = async (hidden: boolean, folders = false) => {
    const paths: string[] = [];
    for await (const path of walk({ hidden, folders }, fromText(root))) paths.push(toText(path).slice(root.length + 1));
    return paths.sort();
  };

  it('finds files, never what is behind a link or in .git', async () => {
    expect(await found(true)).toEqual(['.hidden', 'binary', 'src/a.ts', 'src/deep/fileTree.ts']);
    expect(await found(false, true)).toEqual(['binary', 'src', 'src/a.ts', 'src/deep', 'src/deep/fileTree.ts']);
  });

  it('writes what matches in the form of ripgrep, and leaves out what is no text', async () => {
    const lines = async (name: string, sought = { query: 'needle', regex: false, word: false }) => {
      const all = [];
      for await (const line of grep(fromText(join(root, name)), patternOf(sought))) all.push(parseMatch(line));
      return all;
    };
    expect(await lines('src/a.ts')).toMatchObject([
      {
        line: 2,
        offset: 4,
        text: Buffer.from(SECOND),
        ranges: [
          [7, 13],
          [15, 21],
        ],
      },
    ]);
    expect(await lines('src/deep/fileTree.ts')).toHaveLength(1);
    expect(await lines('src/deep/fileTree.ts', { query: 'Needle', regex: false, word: false })).toEqual([]);
    expect(await lines('src/a.ts', { query: 'need', regex: false, word: true })).toEqual([]);
    expect(await lines('binary')).toEqual([]);
    expect(await lines('out')).toEqual([]);
  });

  it('takes globs as ripgrep does: the last one that matches decides', () => {
    const takes = globFilter(['*.ts', '!deep', '!a.*']);
    expect(['src/b.ts', 'src/deep/b.ts', 'src/a.ts', 'b.js'].map(takes)).toEqual([true, false, false, false]);
    expect(globFilter(['!*.js'])('b.ts')).toBe(true);
  });
});

describe('ripgrep', () => {
  it('gets the query behind a mark, so that no query is an option', () => {
    const args = ripgrepArgs({ query: '--pre=sh', in: 'contents' });
    expect(args.slice(args.indexOf('-e'))).toEqual(['-e', '--pre=sh', '--', '.']);
    expect(args).toEqual(expect.arrayContaining(['--no-config', '--no-follow', '--fixed-strings', '--ignore-case']));
    expect(ripgrepArgs({ query: 'A', in: 'contents', globs: ['--pre=sh'] })).toEqual(
      expect.arrayContaining(['--case-sensitive', '--glob', '--pre=sh']),
    );
  });
});

describe('a long line', () => {
  it('is shown around what matched, in whole characters', () => {
    const line = Buffer.from(`${'ä'.repeat(1_000)}needle${'ö'.repeat(1_000)}\r\n`);
    const { offset, text, ranges } = shownPart(line, 10, [[2_000, 2_006]]);
    expect(text.length).toBeLessThanOrEqual(SHOWN_BYTES);
    expect(text.toString()).not.toContain('\ufffd');
    expect(text.subarray(...ranges[0]!).toString()).toBe('needle');
    expect(line.subarray(offset - 10, offset - 10 + text.length)).toEqual(text);
  });
});

describe('names', () => {
  const best = (query: string, paths: string[]) =>
    paths
      .map((path) => ({ path, found: scoreName(query, path, false) }))
      .filter(({ found }) => found !== undefined)
      .sort((a, b) => b.found!.score - a.found!.score)
      .map(({ path }) => path);

  it('are found by letters in their order, the name before the folders', () => {
    expect(best('ft', ['lib/after.ts', 'src/fileTree.ts', 'ft/other.ts', 'none.md'])).toEqual(
      expect.not.arrayContaining(['none.md']),
    );
    expect(best('filetree', ['filetree/x.ts', 'src/fileTree.ts'])[0]).toBe('src/fileTree.ts');
    expect(best('read', ['a/thread.ts', 'a/reader.ts', 'r/e/a/d.ts'])[0]).toBe('a/reader.ts');
    expect(scoreName('ft', 'src/fileTree.ts', false)?.ranges).toEqual([
      [4, 5],
      [8, 9],
    ]);
  });

  it('are listed on for the next letter of a query, and no longer when no search waits for them', async () => {
    const host = await disk.open({
      programs: () => ({ ripgrep: join(disk.base, 'rg'), git: undefined, walker: 'none' }),
    });
    await rm(join(disk.base, 'started'), { force: true });
    await writeFile(join(disk.base, 'said'), '');
    await writeFile(join(disk.base, 'seconds'), '600');
    const started = async () =>
      (await readFile(join(disk.base, 'started'), 'utf8').catch(() => '')).split('\n').slice(0, -1);
    const begin = (query: string) => {
      const caller = new AbortController();
      const request = { query, in: 'names', waitMs: 600_000 } as const;
      return { caller, found: host.search(request, { ...ada, signal: caller.signal }) };
    };
    const first = begin('s');
    await expect.poll(started).toHaveLength(1);
    const [pid] = (await started()).map(Number);
    first.caller.abort();
    const { searchId } = await first.found;
    expect(await codeOf(host.searchMore({ searchId, after: 0 }, ada))).toBe('search_unknown');
    const second = begin('sr');
    // What left before the host began is no search either.
    const third = begin('src');
    third.caller.abort();
    expect(await codeOf(host.searchMore({ searchId: (await third.found).searchId, after: 0 }, ada))).toBe(
      'search_unknown',
    );
    expect(await started()).toHaveLength(1);
    process.kill(pid!, 0);
    second.caller.abort();
    await second.found;
    await expect.poll(() => isAlive(pid!), { timeout: 20_000 }).toBe(false);
  });

  it('are confirmed before they are answered', async () => {
    await writeFile(join(disk.base, 'said'), 'src/a.ts\0out/secret.txt\0none.ts\0');
    await writeFile(join(disk.base, 'seconds'), '0');
    const { matches } = await search({ in: 'names', query: 's' });
    expect(matches.map(({ path }) => path)).toEqual(['src/a.ts']);
  });
});
