import { execFileSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, MAX_UPLOADS, UPLOAD_ABANDONED_MS, type FileEntry } from '@pizzapi/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, FILE_CALLER as ada, filesOnDisk, type FilesOnDisk } from '../../testing/filesOnDisk.js';
import { GitProgram } from '../git/gitProgram.js';
import { Bounds } from './bounds.js';
import { fromText } from './bytePath.js';
import type { HostFiles } from './hostFiles.js';
import { Uploads } from './uploads.js';

let disk: FilesOnDisk;
let files: HostFiles;
let root: string;

beforeAll(async () => {
  disk = await filesOnDisk();
  root = disk.root;
});
beforeEach(async () => {
  files = await disk.open();
});
afterEach(async () => {
  await rm(root, { recursive: true });
  await mkdir(root);
});
afterAll(() => disk.close());

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const text = ({ content }: { content: string }) => Buffer.from(content, 'base64').toString();
const names = (entries: readonly FileEntry[]) => entries.map(({ name }) => name);
const put = (path: string, content = '') => writeFile(join(root, path), content);
const git = (...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...words], { cwd: root, stdio: 'pipe' });
const GIT = { git: await GitProgram.find(process.env) };

describe('a folder', () => {
  it('is listed with folders first, and names as people order them', async () => {
    for (const name of ['file10', 'file9', 'File1', '.hidden', 'b']) await put(name);
    await mkdir(join(root, 'z'));
    const listed = await files.list({}, ada);
    expect(names(listed.entries)).toEqual(['z', '.hidden', 'b', 'File1', 'file9', 'file10']);
    expect(listed).toMatchObject({ path: root, total: 6, roots: [root] });
    expect(names((await files.list({ hidden: false, descending: true }, ada)).entries)[1]).toBe('file10');
  });

  it('is sorted by size and by time', async () => {
    await put('old-and-large', 'xxx');
    await put('new', 'x');
    await utimes(join(root, 'old-and-large'), 1, 1);
    expect(names((await files.list({ order: 'size' }, ada)).entries)).toEqual(['new', 'old-and-large']);
    const byTime = await files.list({ order: 'modified', descending: true }, ada);
    expect(byTime.entries).toMatchObject([{ name: 'new' }, { name: 'old-and-large', modified: 1_000, size: 3 }]);
  });

  it('is listed in pages of one order, although it changes meanwhile', async () => {
    for (let at = 0; at < 25; at++) await put(`f${at}`);
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await files.list({ limit: 10, ...(after === undefined ? {} : { after }) }, ada);
      seen.push(...names(page.entries));
      after = page.next;
      await rm(join(root, 'f3'), { force: true });
    } while (after !== undefined);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, at) => `f${at}`));
    expect(await codeOf(files.list({ after: 'x' }, ada))).toBe('invalid_offset');
  });

  it('of one session is not shown by the cursor of another folder', async () => {
    for (const folder of ['a', 'b']) {
      await mkdir(join(root, folder));
      for (const name of ['1', '2', '3']) await put(`${folder}/${folder}${name}`);
    }
    const { next } = await files.list({ path: 'a', limit: 1 }, ada);
    expect(names((await files.list({ path: 'b', after: next! }, ada)).entries)).toEqual(['b2', 'b3']);
  });

  it('shows what git says of each entry, and leaves out on request what git ignores', async () => {
    git('init', '-q');
    for (const name of ['same', 'changed', 'gone']) await put(name, 'a');
    await mkdir(join(root, 'sub'));
    await put('sub/deep', 'a');
    await put('.gitignore', 'ignored\n');
    git('add', '.');
    git('commit', '-qm', 'x');
    await put('changed', 'bb');
    await put('sub/deep', 'bb');
    await put('new', 'a');
    await put('ignored', 'a');
    const host = await disk.open(GIT);
    const states = Object.fromEntries((await host.list({}, ada)).entries.map(({ name, git: state }) => [name, state]));
    expect(states).toMatchObject({ changed: 'modified', sub: 'modified', new: 'untracked', ignored: 'ignored' });
    expect(states['same']).toBeUndefined();
    expect(names((await host.list({ ignored: false, hidden: false }, ada)).entries)).not.toContain('ignored');
    expect((await host.list({ path: 'sub' }, ada)).entries).toMatchObject([{ name: 'deep', git: 'modified' }]);
  });

  it('of a repository is listed without running what its configuration names', async () => {
    git('init', '-q');
    await put('.gitattributes', '* filter=evil\n');
    await put('a', 'a');
    git('add', '.');
    git('commit', '-qm', 'x');
    // As long as before: git compares the contents, for which it asks a filter.
    await put('a', 'b');
    const ran = join(disk.base, 'ran');
    for (const [key, value] of [
      ['core.fsmonitor', `touch ${ran}`],
      ['core.hooksPath', '.'],
      ['filter.evil.clean', `touch ${ran}; cat`],
      ['filter.evil.process', `touch ${ran}`],
    ])
      git('config', key!, value!);
    await (await disk.open(GIT)).list({}, ada);
    expect(await readdir(disk.base)).not.toContain('ran');
  });
});

describe('a name', () => {
  const ODD = [
    ['no UTF-8', Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x74])],
    ['a line feed', Buffer.from('two\nlines')],
    ['a turned direction', Buffer.from('a\u202etxt.exe')],
    ['only a backslash', Buffer.from('\\')],
  ] as const;

  it.each(ODD)('with %s is listed with its bytes, and read, renamed and deleted by them', async (_what, name) => {
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), name]), 'odd');
    const [entry] = (await files.list({}, ada)).entries;
    const path = entry!.bytes === undefined ? entry!.name : { base64: entry!.bytes };
    if (typeof path !== 'string') expect(Buffer.from(path.base64, 'base64')).toEqual(name);
    expect(text(await files.read({ path }, ada))).toBe('odd');
    await files.move({ path, to: 'plain' }, ada);
    expect(await codeOf(files.read({ path }, ada))).toBe('file_not_found');
    await files.move({ path: 'plain', to: path }, ada);
    await files.remove({ path, permanently: true }, ada);
    expect(await readdir(root)).toEqual([]);
  });

  it('that is too long for the disk is refused', async () => {
    expect(await codeOf(files.create({ path: 'x'.repeat(300) }, ada))).toBe('path_invalid');
    expect(await codeOf(files.read({ path: { base64: base64(`a/`.repeat(2_100)) } }, ada))).toBe('path_invalid');
  });

  it('in 1,000 folders is made, read and deleted', async () => {
    const path = 'd/'.repeat(1_000);
    await files.makeFolder({ path, parents: true }, ada);
    await files.create({ path: `${path}f`, content: base64('deep') }, ada);
    expect(text(await files.read({ path: `${path}f` }, ada))).toBe('deep');
    await files.remove({ path: 'd', recursive: true, permanently: true }, ada);
    expect(await readdir(root)).toEqual([]);
  });
});

describe('a file', () => {
  it('is read page by page, without reading the rest', async () => {
    await put('big', 'begin');
    await truncate(join(root, 'big'), 2 * 1024 ** 3);
    const page = await files.read({ path: 'big', offset: 1024 ** 3, length: 10 }, ada);
    expect(page).toMatchObject({
      size: 2 * 1024 ** 3,
      offset: 1024 ** 3,
      next: 1024 ** 3 + 10,
      content: base64(Buffer.alloc(10)),
    });
    expect(page.encoding).toBeUndefined();
    expect((await files.read({ path: 'big', offset: 3 * 1024 ** 3 }, ada)).content).toBe('');
  });

  it('is read by lines, also in UTF-16', async () => {
    await put('lines', 'one\ntwo\nthree\nfour');
    const page = await files.read({ path: 'lines', line: 2, lines: 2 }, ada);
    expect([text(page), page.line, page.next]).toEqual(['two\nthree\n', 2, undefined]);
    expect(text(await files.read({ path: 'lines', line: 9 }, ada))).toBe('');
    // U+0A0A has the byte of a line feed twice.
    await writeFile(join(root, 'wide'), Buffer.from('\ufeffa\u0a0a\nb', 'utf16le'));
    const wide = await files.read({ path: 'wide', line: 2 }, ada);
    expect([wide.encoding, wide.mark, Buffer.from(wide.content, 'base64').toString('utf16le')]).toEqual([
      'utf-16le',
      true,
      'b',
    ]);
  });

  it('that an agent changed meanwhile is not written over, and the refusal has both versions', async () => {
    await put('shared', 'mine');
    const { version } = await files.read({ path: 'shared' }, ada);
    await put('shared', 'your');
    const refused = await files
      .write({ path: 'shared', content: base64('new'), ifVersion: version }, ada)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'file_changed',
      details: { asked: version, current: { size: 4, path: join(root, 'shared') } },
    });
    expect(await readFile(join(root, 'shared'), 'utf8')).toBe('your');
    const again =
      refused instanceof CodedError ? (refused.details as { current: { version: string } }).current.version : '';
    const saved = await files.write({ path: 'shared', content: base64('new'), ifVersion: again }, ada);
    expect((await files.read({ path: 'shared', ifVersion: saved.version }, ada)).version).toBe(saved.version);
    await rm(join(root, 'shared'));
    const gone = await files
      .write({ path: 'shared', content: '', ifVersion: again }, ada)
      .catch((error: unknown) => error);
    expect(gone).toMatchObject({ code: 'file_changed', details: { current: null } });
    expect(await codeOf(files.remove({ path: 'shared', ifVersion: again }, ada))).toBe('file_changed');
  });

  it('has another version after each write, however fast they follow and whatever its time says', async () => {
    const versions = new Set<string>();
    for (let round = 0; round < 10; round++) {
      await put('fast', String(round));
      await utimes(join(root, 'fast'), 1, 1);
      versions.add((await files.read({ path: 'fast' }, ada)).version);
    }
    expect(versions.size).toBe(10);
  });

  it('keeps its rights and its link when it is saved, and no temporary file stays', async () => {
    await put('script', 'a');
    await chmod(join(root, 'script'), 0o750);
    await symlink('script', join(root, 'link'));
    await files.write({ path: 'link', content: base64('b') }, ada);
    expect((await stat(join(root, 'script'))).mode & 0o777).toBe(0o750);
    expect(await readFile(join(root, 'script'), 'utf8')).toBe('b');
    expect((await readdir(root)).sort()).toEqual(['link', 'script']);
  });

  it('is made and moved only where nothing is', async () => {
    await files.create({ path: 'a', content: base64('a') }, ada);
    await put('b', 'b');
    await mkdir(join(root, 'folder'));
    expect(await codeOf(files.create({ path: 'a' }, ada))).toBe('file_exists');
    expect(await codeOf(files.makeFolder({ path: 'folder' }, ada))).toBe('file_exists');
    expect(await codeOf(files.move({ path: 'a', to: 'b' }, ada))).toBe('file_exists');
    expect(await codeOf(files.move({ path: 'a', to: 'folder' }, ada))).toBe('file_exists');
    expect(await codeOf(files.write({ path: 'folder', content: '' }, ada))).toBe('not_a_file');
    expect(await codeOf(files.list({ path: 'a' }, ada))).toBe('not_a_folder');
    await files.move({ path: 'a', to: 'folder/c' }, ada);
    await files.move({ path: 'folder', to: 'folder2' }, ada);
    expect(await readFile(join(root, 'folder2', 'c'), 'utf8')).toBe('a');
    expect(await codeOf(files.remove({ path: 'folder2' }, ada))).toBe('folder_not_empty');
  });

  it('goes to the trash of the desktop with a note of where it was, and is removed on a host without one', async () => {
    await put('a b', '1');
    expect(await files.remove({ path: 'a b' }, ada)).toEqual({ trashed: false });
    const trash = join(disk.base, 'data', 'Trash');
    await mkdir(trash, { recursive: true });
    for (const content of ['1', '2']) {
      await put('a b', content);
      expect(await files.remove({ path: 'a b' }, ada)).toEqual({ trashed: true });
    }
    expect(await readFile(join(trash, 'files', 'a b'), 'utf8')).toBe('1');
    expect(await readFile(join(trash, 'files', 'a b.2'), 'utf8')).toBe('2');
    expect(await readFile(join(trash, 'info', 'a b.2.trashinfo'), 'utf8')).toMatch(
      /^\[Trash Info\]\nPath=\/.*\/home\/a%20b\nDeletionDate=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\n$/,
    );
    expect((await files.list({}, ada)).trash).toBe(true);
    await rm(trash, { recursive: true });
  });
});

describe('the caller', () => {
  it('with a link of a session sees the folder of this session alone', async () => {
    for (const folder of ['mine', 'other']) await mkdir(join(root, folder));
    await put('other/secret', 'x');
    await symlink('../other', join(root, 'mine', 'out'));
    const hosts = { get: (sid: string) => ({ facts: { cwd: join(root, sid === 's1' ? 'mine' : 'other') } }) };
    const host = await disk.open({ hosts });
    const guest = { ...ada, within: 's1' };
    expect(await host.list({ sessionId: 's1' }, guest)).toMatchObject({ roots: [join(root, 'mine')], trash: false });
    for (const path of ['../other/secret', join(root, 'other/secret'), 'out/secret', '~/.profile'])
      expect(await codeOf(host.read({ sessionId: 's1', path }, guest))).toMatch(/path_outside|file_not_found/);
    expect(await codeOf(host.list({ sessionId: 's2' }, guest))).toBe('forbidden');
    expect(await codeOf(host.list({}, guest))).toBe('forbidden');
    expect(text(await host.read({ sessionId: 's1', path: '../other/secret' }, ada))).toBe('x');
  });

  it('sees the work tree of a session although it lies where the runner keeps what is closed', async () => {
    const home = join(disk.base, 'runner');
    await mkdir(join(home, 'worktrees', 'w1'), { recursive: true });
    await writeFile(join(home, 'worktrees', 'w1', 'a'), 'x');
    await writeFile(join(home, 'token'), 'secret');
    const hosts = { get: () => ({ facts: { cwd: join(home, 'worktrees', 'w1') } }) };
    const host = await disk.open({ hosts, closed: [home], open: [join(home, 'worktrees')] });
    for (const caller of [ada, { ...ada, within: 's1' }]) {
      expect(text(await host.read({ sessionId: 's1', path: 'a' }, caller))).toBe('x');
      expect(await codeOf(host.read({ sessionId: 's1', path: '../../token' }, caller))).toBe('path_outside');
    }
    expect(await codeOf(host.read({ path: join(home, 'worktrees', 'w1', 'a') }, ada))).toBe('path_outside');
  });

  it('asks about many paths at once, and learns nothing about those that cannot be used', async () => {
    await put('a', 'xx');
    const { found } = await files.find({ paths: ['a', '.', 'none', '/etc/passwd'] }, ada);
    expect(found).toMatchObject([{ kind: 'file', size: 2, path: join(root, 'a') }, { kind: 'folder' }, null, null]);
  });
});

describe('an upload', () => {
  const begin = (path: string, size: number, more = {}) => files.beginUpload({ path, size, ...more }, ada);

  it('appears when all of it has arrived, and continues after the runner was restarted', async () => {
    const { uploadId } = await begin('film', 6);
    const part = (offset: number, content: string) =>
      files.uploads.write({ uploadId, offset, content: base64(content) }, 'ada');
    expect(await part(0, 'abc')).toEqual({ received: 3 });
    expect(await part(5, 'f')).toEqual({ received: 3 });
    expect(names((await files.list({}, ada)).entries)).toEqual([]);
    await files.stop();
    files = await disk.open();
    expect(await files.uploads.state(uploadId, 'ada')).toMatchObject({ received: 3, size: 6 });
    expect(await codeOf(files.finishUpload({ uploadId }, ada))).toBe('command_invalid');
    expect(await part(1, 'bcdef')).toEqual({ received: 6 });
    expect(await codeOf(part(6, 'g'))).toBe('body_too_large');
    await files.finishUpload({ uploadId }, ada);
    expect(await readFile(join(root, 'film'), 'utf8')).toBe('abcdef');
    expect(await readdir(root)).toEqual(['film']);
    expect(await codeOf(files.uploads.state(uploadId, 'ada'))).toBe('upload_unknown');
  });

  it('does not replace a file unless it says so, also one that appeared meanwhile', async () => {
    const { uploadId } = await begin('late', 0);
    await put('late', 'agent');
    expect(await codeOf(begin('late', 1))).toBe('file_exists');
    expect(await codeOf(files.finishUpload({ uploadId }, ada))).toBe('file_exists');
    await files.uploads.cancel(uploadId, 'ada');
    const { version } = await files.read({ path: 'late' }, ada);
    const one = await begin('late', 0, { ifVersion: version });
    await put('late', 'agent again');
    expect(await codeOf(files.finishUpload({ uploadId: one.uploadId }, ada))).toBe('file_changed');
    expect(await readFile(join(root, 'late'), 'utf8')).toBe('agent again');
    await files.uploads.cancel(one.uploadId, 'ada');
    await files.finishUpload({ uploadId: (await begin('late', 0, { overwrite: true })).uploadId }, ada);
    expect(await readFile(join(root, 'late'), 'utf8')).toBe('');
  });

  it('of another person does not exist', async () => {
    const { uploadId } = await begin('a', 1);
    expect(await codeOf(files.uploads.state(uploadId, 'eve'))).toBe('upload_unknown');
    await files.uploads.cancel(uploadId, 'ada');
    expect(await readdir(root)).toEqual([]);
  });

  it('whose folder was swapped for a link out writes and appears nowhere', async () => {
    await mkdir(join(root, 'in'));
    const { uploadId } = await begin('in/a', 1);
    await files.stop();
    files = await disk.open();
    await rename(join(root, 'in'), join(root, 'moved'));
    await symlink(disk.outside, join(root, 'in'));
    expect(await codeOf(files.uploads.write({ uploadId, offset: 0, content: 'eA==' }, 'ada'))).toBe('path_outside');
    expect(await codeOf(files.finishUpload({ uploadId }, ada))).toBe('path_outside');
    expect(await readdir(disk.outside)).toEqual(['secret.txt']);
    await rm(join(disk.base, 'uploads', uploadId));
  });

  it('for which nothing came for a day is removed', async () => {
    const { uploadId } = await begin('old', 1);
    await files.stop();
    const base = fromText(root);
    const bounds = new Bounds({ roots: [base], base });
    const later = new Uploads({
      folder: join(disk.base, 'uploads'),
      bounds,
      now: () => Date.now() + UPLOAD_ABANDONED_MS + 60_000,
    });
    await later.start();
    await later.stop();
    expect(await readdir(root)).toEqual([]);
    expect(await codeOf(later.state(uploadId, 'ada'))).toBe('upload_unknown');
  });

  it('is refused while a host takes too many', async () => {
    for (let at = 0; at < MAX_UPLOADS; at++) await begin(`f${at}`, 1);
    expect(await codeOf(begin('more', 1))).toBe('rpc_busy');
    await rm(join(disk.base, 'uploads'), { recursive: true });
  });
});

describe('a watch', () => {
  it('says in which folders something changed, once', async () => {
    for (const folder of ['a', 'b']) await mkdir(join(root, folder));
    const folders = ['a', 'b', 'none', '../home-of-another'];
    const first = await files.watch({ folders }, ada);
    expect(first).toMatchObject({ changed: [0, 1], missing: [2, 3] });
    const { watchId } = first;
    const next = files.watch({ folders, watchId, after: first.next, waitMs: 20_000 }, ada);
    await put('b/new', 'x');
    const told = await next;
    expect(told.changed).toEqual([1]);
    expect(await files.watch({ folders, watchId, after: told.next, waitMs: 0 }, ada)).toMatchObject({ changed: [] });
    // Of another person it is a new one.
    expect((await files.watch({ folders, watchId }, { ...ada, userId: 'eve' })).watchId).not.toBe(watchId);
  });
});
