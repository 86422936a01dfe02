import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fakeContext, scratchFolder } from '../testing/fakes.js';
import { cacheFolder } from '../cache.js';
import { isNewEnough } from '../version.js';
import { aptSource } from './apt.js';

const containing = (text: string): unknown => expect.stringContaining(text);
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
beforeEach(async () => void (scratch = await scratchFolder()));
afterEach(() => scratch.remove());

/** The list of packages that dpkg installed. */
const DPKG_STATUS = '/var/lib/dpkg/status';
const hasApt = existsSync('/usr/bin/apt-get') && existsSync(DPKG_STATUS);
if (!hasApt) console.warn('SKIPPED: the test of the package source needs Debian or Ubuntu with apt-get.');

/** Messages of apt for a mirror that is unreachable or too slow. */
const UNREACHABLE = /Could not (resolve|connect)|Temporary failure|timed out|Some index files failed|time limit/i;
/** Time limit for the download of a package list of 11 MB and a package. */
const FETCHING = { timeout: 600_000 };

/** Writes the files of a system that `aptSource` reads. */
async function system(files: Record<string, string>): Promise<string> {
  const root = join(scratch.folder, 'root');
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(root, name, '..'), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

describe.skipIf(!hasApt)("the distribution's package", () => {
  test(
    'the package is downloaded and unpacked into the cache, and the system stays unchanged',
    FETCHING,
    async ({ skip }) => {
      const installed = () => readFileSync(DPKG_STATUS, 'utf8');
      const before = installed();
      const context = fakeContext(join(scratch.folder, 'home'));
      const outcome = await aptSource(context).obtain();
      if (outcome.kind === 'failed' && UNREACHABLE.test(outcome.why)) skip(`the mirror is unreachable: ${outcome.why}`);
      expect(outcome).toMatchObject({ kind: 'found' });
      if (outcome.kind !== 'found') return;
      expect(isNewEnough(outcome.version)).toBe(true);
      expect(outcome.binary).toBe(join(cacheFolder(context.env), outcome.version, 'nats-server'));
      expect(await readdir(cacheFolder(context.env))).toEqual([outcome.version]);
      expect(installed()).toBe(before);
      expect(context.lines.at(-1)).toMatch(/^downloading the package nats-server \(\d+\.\d MB\)$/);
    },
  );

  test('the package is refused when the archive is not signed with a key of the distribution', async () => {
    const root = await system({
      'etc/os-release': 'ID=debian\nVERSION_CODENAME=bookworm\n',
      'etc/apt/sources.list': `deb file:${scratch.folder}/mirror bookworm main\n`,
      'usr/share/keyrings/debian-archive-keyring.gpg': '',
    });
    const mirror = join(scratch.folder, 'mirror/dists/sid');
    await mkdir(mirror, { recursive: true });
    await writeFile(
      join(mirror, 'Release'),
      'Suite: unstable\nCodename: sid\nComponents: main\nArchitectures: amd64\n',
    );
    const outcome = await aptSource(fakeContext(join(scratch.folder, 'home')), root).obtain();
    expect(outcome).toMatchObject({ kind: 'failed', why: matching(/not signed|not be authenticated/) });
  });

  test('the package comes from the newest suite of the mirror that the system uses', async () => {
    const root = await system({
      'etc/os-release': 'NAME="Ubuntu"\nID=ubuntu\nVERSION_CODENAME=noble\n',
      'etc/apt/sources.list.d/ubuntu.sources':
        'Types: deb\nURIs: http://mirror.example/ubuntu\nSuites: noble noble-updates\nComponents: main universe\n',
      'usr/share/keyrings/ubuntu-archive-keyring.gpg': 'key',
    });
    const keyring = '/usr/share/keyrings/ubuntu-archive-keyring.gpg';
    expect(await aptSource(fakeContext(scratch.folder), root).check()).toMatchObject({
      kind: 'fetch',
      what: containing(`"deb [signed-by=${keyring}] http://mirror.example/ubuntu devel universe"`),
    });
  });
});

test('the package source is not available on another system and reports the reason', async () => {
  const root = await system({ 'etc/os-release': 'ID=alpine\n' });
  const linux = fakeContext(scratch.folder);
  expect(await aptSource(linux, root).check()).toMatchObject({ why: 'this system is not Debian or Ubuntu' });
  expect(await aptSource({ ...linux, platform: 'darwin' }).check()).toMatchObject({ kind: 'unavailable' });
});
