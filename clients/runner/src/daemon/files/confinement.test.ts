import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FilePath } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, FILE_CALLER as ada, filesOnDisk, type FilesOnDisk } from '../../testing/filesOnDisk.js';
import { fromText } from './bytePath.js';
import { Bounds } from './bounds.js';
import { openWithin, type Strategy } from './confinement.js';
import type { HostFiles } from './hostFiles.js';

let disk: FilesOnDisk;
let files: HostFiles;
let root: string;
let outside: string;

beforeAll(async () => {
  disk = await filesOnDisk();
  ({ root, outside } = disk);
  files = await disk.open({ closed: [join(root, 'closed')] });
  await mkdir(join(root, 'folder'));
  await mkdir(join(root, 'closed'));
  await writeFile(join(root, 'closed', 'token'), 'secret');
  await writeFile(join(root, 'file.txt'), 'mine');
  await symlink(outside, join(root, 'out'));
  await symlink(join(outside, 'secret.txt'), join(root, 'out.txt'));
  await symlink('/nowhere/at/all', join(root, 'dangling'));
  await symlink('loop', join(root, 'loop'));
  await symlink('folder', join(root, 'inside'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
});
afterAll(() => disk.close());

/** What every method that names a path does with it: the code of its refusal, or what it answers. */
const METHODS: Readonly<Record<string, (path: FilePath) => Promise<unknown>>> = {
  list_files: (path) => files.list({ path }, ada),
  find_paths: async (path) => ((await files.find({ paths: [path] }, ada)).found[0] === null ? 'none' : 'found'),
  read_file: (path) => files.read({ path }, ada),
  search_files: (path) => files.search({ path, query: 'e', in: 'contents' }, ada),
  watch_folders: async (path) =>
    (await files.watch({ folders: [path] }, ada)).missing.length === 1 ? 'none' : 'found',
  write_file: (path) => files.write({ path, content: 'eA==' }, ada),
  create_file: (path) => files.create({ path, content: 'eA==' }, ada),
  make_folder: (path) => files.makeFolder({ path, parents: true }, ada),
  move_file: (path) => files.move({ path, to: 'moved' }, ada),
  'move_file to': (path) => files.move({ path: 'file.txt', to: path }, ada),
  delete_file: (path) => files.remove({ path, recursive: true, permanently: true }, ada),
  upload_begin: (path) => files.beginUpload({ path, size: 1, overwrite: true }, ada),
};
const FINDING = ['find_paths', 'watch_folders'];

/** Attacks, each with a way to name something outside. `in`: inside of a folder that leads out. */
const ATTACKS: readonly [what: string, path: () => FilePath][] = [
  ['../', () => '../home-of-another/secret.txt'],
  ['many ../', () => `${'../'.repeat(40)}etc/passwd`],
  ['../ in the middle', () => 'folder/../../home-of-another/secret.txt'],
  ['an absolute path', () => join(outside, 'secret.txt')],
  ['/etc/passwd', () => '/etc/passwd'],
  ['the folder beside it whose name begins like the root', () => `${root}-of-another/secret.txt`],
  ['a link to a folder that leads out', () => 'out/secret.txt'],
  ['a file below /proc', () => '/proc/self/environ'],
  ['/proc/self/cwd', () => '/proc/self/cwd/package.json'],
  ['/proc/self/root', () => '/proc/self/root/etc/passwd'],
  ['a device', () => '/dev/zero'],
  ['what the runner keeps for itself', () => 'closed/token'],
  ['what the runner keeps for itself, in other letters', () => 'CLOSED/token'],
  ['bytes that lead out', () => ({ base64: Buffer.from('../home-of-another/secret.txt').toString('base64') })],
];

describe('a path that leads out', () => {
  describe.each(ATTACKS)('by %s', (_what, path) => {
    it.each(Object.keys(METHODS))('is refused by %s', async (method) => {
      const code = await codeOf(METHODS[method]!(path()));
      if (FINDING.includes(method)) expect(code).toBe('none');
      else expect(['path_outside', 'file_not_found']).toContain(code);
    });
  });

  it('and one that begins with a NUL or holds one is no path', async () => {
    const path = { base64: Buffer.from('file.txt\0/../..').toString('base64') };
    for (const call of Object.values(METHODS)) expect(await codeOf(call(path))).toBe('path_invalid');
  });

  it('is refused alike whether something is there or not', async () => {
    const [there, missing] = ['secret.txt', 'nothing.txt'].map((name) => files.read({ path: `out/${name}` }, ada));
    expect(await codeOf(there!)).toBe('path_outside');
    expect(await codeOf(missing!)).toBe('path_outside');
    expect(await codeOf(files.read({ path: 'dangling' }, ada))).toBe('path_outside');
    expect(await codeOf(files.read({ path: 'loop' }, ada))).toBe('path_outside');
  });

  it('with %2e%2e is a name like others', async () => {
    expect(await codeOf(files.read({ path: '%2e%2e/%2e%2e/etc/passwd' }, ada))).toBe('file_not_found');
    await files.create({ path: '%2e%2e' }, ada);
    expect(await readdir(root)).toContain('%2e%2e');
  });

  it('by a link and back by ../ is read as a person reads it, without the link', async () => {
    expect(await files.read({ path: 'out/../file.txt' }, ada)).toMatchObject({ path: join(root, 'file.txt') });
    expect(await codeOf(files.read({ path: '~root/.profile' }, ada))).toBe('file_not_found');
  });

  it('leaves what is outside as it was', async () => {
    expect(await readdir(outside)).toEqual(['secret.txt']);
    expect(await readFile(join(outside, 'secret.txt'), 'utf8')).toBe(disk.secret);
    expect(await readdir(join(root, 'closed'))).toEqual(['token']);
    expect(await readdir(disk.base)).not.toContain('moved');
  });
});

describe('a symbolic link', () => {
  it('that stays inside is followed, and one that leads out is listed without its target', async () => {
    await writeFile(join(root, 'folder', 'a.txt'), 'a');
    expect(await files.read({ path: 'inside/a.txt' }, ada)).toMatchObject({ path: join(root, 'folder', 'a.txt') });
    const { entries } = await files.list({}, ada);
    const links = Object.fromEntries(
      entries.filter(({ kind }) => kind === 'link').map((one) => [one.name, one.leadsTo]),
    );
    expect(links).toEqual({
      out: undefined,
      'out.txt': undefined,
      dangling: undefined,
      loop: undefined,
      inside: 'folder',
    });
  });

  it('is moved and deleted itself, and not what it leads to', async () => {
    await symlink(join(outside, 'secret.txt'), join(root, 'away.txt'));
    await files.move({ path: 'away.txt', to: 'away2.txt' }, ada);
    await symlink(outside, join(root, 'away'));
    await files.remove({ path: 'away', recursive: true, permanently: true }, ada);
    await files.remove({ path: 'away2.txt', permanently: true }, ada);
    expect(await readdir(outside)).toEqual(['secret.txt']);
    expect((await readdir(root)).filter((name) => name.startsWith('away'))).toEqual([]);
  });

  it('below a folder that is deleted is not followed', async () => {
    await mkdir(join(root, 'tree', 'deep'), { recursive: true });
    await symlink(outside, join(root, 'tree', 'deep', 'out'));
    await files.remove({ path: 'tree', recursive: true, permanently: true }, ada);
    expect(await readdir(outside)).toEqual(['secret.txt']);
    expect(await readdir(root)).not.toContain('tree');
  });

  it('where a file is to be made is not written through', async () => {
    expect(await codeOf(files.create({ path: 'dangling' }, ada))).toBe('file_exists');
    expect(await codeOf(files.write({ path: 'dangling', content: '' }, ada))).toBe('path_outside');
    expect(await codeOf(files.write({ path: 'out.txt', content: '' }, ada))).toBe('path_outside');
  });
});

describe('what is no file', () => {
  it('such as a FIFO is never opened, so that nothing waits', async () => {
    for (const method of ['read_file', 'write_file', 'upload_begin'])
      expect(await codeOf(METHODS[method]!('fifo'))).toBe('not_a_file');
    expect(await codeOf(files.list({ path: 'fifo' }, ada))).toBe('not_a_file');
    const { entries } = await files.list({}, ada);
    expect(entries.find(({ name }) => name === 'fifo')).toMatchObject({ kind: 'other' });
  });

  it('such as a device in a root is refused without being opened', async () => {
    const everything = await disk.open({ roots: ['/'] });
    for (const path of ['/dev/null', '/dev/tty', '/proc/self/mem', '/proc/kmsg', '/sys/kernel/notes'])
      expect(await codeOf(everything.read({ path }, ada))).toBe('path_outside');
    const devices = await disk.open({ roots: ['/dev'] });
    expect(await codeOf(devices.read({ path: '/dev/zero' }, ada))).toBe('not_a_file');
    expect(await codeOf(devices.write({ path: '/dev/null', content: '' }, ada))).toBe('not_a_file');
  });
});

describe('a hard link to a file outside', () => {
  it('is a file of its folder; saving replaces it here and leaves the other name as it was', async () => {
    await link(join(outside, 'secret.txt'), join(root, 'hard.txt'));
    const before = await files.read({ path: 'hard.txt' }, ada);
    await files.write({ path: 'hard.txt', content: 'eA==', ifVersion: before.version }, ada);
    expect(await readFile(join(root, 'hard.txt'), 'utf8')).toBe('x');
    expect(await readFile(join(outside, 'secret.txt'), 'utf8')).toBe(disk.secret);
    await rm(join(root, 'hard.txt'));
  });
});

describe('the root itself and a folder above something closed', () => {
  it('can be neither moved nor deleted', async () => {
    for (const path of ['.', root, 'closed'])
      expect(await codeOf(files.remove({ path, recursive: true, permanently: true }, ada))).toBe('path_outside');
    expect(await codeOf(files.move({ path: '.', to: 'x' }, ada))).toBe('path_outside');
    const above = await disk.open({ closed: [join(root, 'folder', 'deep', 'token')] });
    expect(await codeOf(above.move({ path: 'folder', to: 'y' }, ada))).toBe('path_outside');
  });
});

describe('a folder that is swapped for a link out while it is used', () => {
  const ROUNDS = 1_000;
  /** Another process that swaps as fast as it can. */
  const SWAPPER = `
    const { renameSync } = require('node:fs');
    const [real, aside, link] = process.argv.slice(1);
    process.stdout.write('ready');
    for (;;) {
      renameSync(real, aside); renameSync(link, real); renameSync(real, link); renameSync(aside, real);
    }`;

  const USES: readonly (() => Promise<unknown>)[] = [
    () => files.read({ path: 'swap/sub/secret.txt' }, ada),
    () => files.list({ path: 'swap/sub', git: false }, ada),
    () => files.write({ path: 'swap/sub/secret.txt', content: 'bWluZQ==' }, ada),
    () => files.create({ path: `swap/sub/${Math.random()}` }, ada),
    () => files.remove({ path: 'swap/sub/secret.txt', permanently: true }, ada),
  ];

  it(
    'gains nothing in 1,000 rounds of reading, listing, writing, making and deleting',
    { timeout: 60_000 },
    async () => {
      const [real, aside, leads] = ['swap', 'swap.aside', 'swap.link'].map((name) => join(root, name));
      await mkdir(join(real!, 'sub'), { recursive: true });
      await mkdir(join(outside, 'sub'));
      await writeFile(join(real!, 'sub', 'secret.txt'), 'mine');
      await writeFile(join(outside, 'sub', 'secret.txt'), disk.secret);
      await symlink(outside, leads!);
      const swapper = spawn(process.execPath, ['-e', SWAPPER, real!, aside!, leads!], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        await once(swapper.stdout, 'data');
        const codes = new Set<unknown>();
        for (let round = 0; round < ROUNDS; round++) {
          const answer = await codeOf(USES[round % USES.length]!());
          codes.add(typeof answer === 'string' ? answer : 'answered');
          expect(JSON.stringify(answer)).not.toContain('home-of-another');
          expect(JSON.stringify(answer)).not.toContain(Buffer.from(disk.secret).toString('base64'));
        }
        // It was swapped meanwhile, and was there meanwhile.
        expect([...codes]).toEqual(expect.arrayContaining(['path_outside']));
        expect(await readdir(outside)).toEqual(['secret.txt', 'sub']);
        expect(await readdir(join(outside, 'sub'))).toEqual(['secret.txt']);
        expect(await readFile(join(outside, 'sub', 'secret.txt'), 'utf8')).toBe(disk.secret);
      } finally {
        swapper.kill('SIGKILL');
        await once(swapper, 'close');
        for (const path of [real, aside, leads, join(outside, 'sub')])
          await rm(path!, { recursive: true, force: true });
      }
    },
  );
});

describe('without handles of Linux', () => {
  it.each<[string, string, string]>([
    ['a link to a folder that leads out', 'out/secret.txt', 'path_outside'],
    ['a FIFO', 'fifo', 'not_a_file'],
    ['what is missing', 'nothing', 'file_not_found'],
  ])('%s is refused too', async (_what, path, code) => {
    const base = fromText(root);
    const bounds = new Bounds({ roots: [base], base });
    const strategy: Strategy = 'paths';
    expect(await codeOf(openWithin(bounds, fromText(path), 'any', strategy))).toBe(code);
    const opened = await openWithin(bounds, fromText('folder'), 'folder', strategy);
    expect(opened.real).toBe(join(root, 'folder'));
    await rename(join(root, 'folder'), join(root, 'folder2'));
    await symlink(outside, join(root, 'folder'));
    expect(await codeOf(opened.confirm())).toBe('path_outside');
    await rm(join(root, 'folder'));
    await rename(join(root, 'folder2'), join(root, 'folder'));
    await opened.close();
  });
});
