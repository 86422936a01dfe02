import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorInfo } from '@pizzapi/protocol';
import { silentLogger } from '@pizzapi/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundledPi, processHost, type PiInstallation } from '../installation/index.js';
import { PiChoice } from './piChoice.js';

const bundled = bundledPi(processHost());
let folder: string;
let found: PiInstallation;
let searches: number;
let warnings: ErrorInfo[];
let now: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-choice-'));
  await mkdir(join(folder, 'bin'));
  found = bundled;
  [searches, warnings, now] = [0, [], 0];
});
afterEach(() => rm(folder, { recursive: true }));

/** Installs a version of pi in a folder of its own. */
async function install(version: string): Promise<PiInstallation> {
  const root = join(folder, 'lib', version);
  await mkdir(root, { recursive: true });
  await writeFile(join(root, 'package.json'), `{"version":"${version}"}`);
  return { ...bundled, source: 'path', packageName: '@earendil-works/pi-coding-agent', version, root };
}

const choose = () =>
  PiChoice.create({
    find: async () => {
      searches += 1;
      return found;
    },
    ...{ bundled, log: silentLogger, path: join(folder, 'bin'), now: () => now },
    warn: (warning) => void warnings.push(warning),
  });

/** Two looks: an installation that changes between them is not finished. */
const settled = async (choice: PiChoice) => [await choice.check(), await choice.check()].includes(true);

describe('the pi of a runner', () => {
  it('a pi that is installed on PATH while the runner runs is used, when its files do not change any more', async () => {
    const choice = await choose();
    expect(await settled(choice)).toBe(false);
    expect(searches).toBe(1);
    found = await install('1.6.0');
    await writeFile(join(folder, 'lib', '1.6.0', 'cli.js'), '');
    await chmod(join(folder, 'lib', '1.6.0', 'cli.js'), 0o755);
    await symlink(join(folder, 'lib', '1.6.0', 'cli.js'), join(folder, 'bin', 'pi'));
    expect(await choice.check()).toBe(false);
    expect(choice.current).toBe(bundled);
    expect(await choice.check()).toBe(true);
    expect(choice.current).toBe(found);
  });

  it('an update in the same folder outdates the workers of the old version, and no other', async () => {
    const first = (found = await install('1.5.2'));
    const choice = await choose();
    const old = { ...first, node: '22.0.0' };
    expect(choice.isOutdated(old)).toBe(false);
    found = { ...first, version: '1.6.0' };
    await writeFile(join(first.root!, 'package.json'), '{"version":"1.6.0", "name": "pi"}');
    expect(await settled(choice)).toBe(true);
    expect(choice.isOutdated(old)).toBe(true);
    expect(choice.isOutdated({ ...old, version: '1.6.0' })).toBe(false);
  });

  it('a pi that does not load is replaced by the bundled one with one warning, until its files change', async () => {
    const broken = (found = await install('1.6.0'));
    const choice = await choose();
    expect(choice.failed(broken, new Error('No module'))).toBe(bundled);
    expect(choice.failed(broken, new Error('No module'))).toBe(bundled);
    expect(choice.failed(bundled, new Error('No memory'))).toBeUndefined();
    expect(warnings).toMatchObject([{ code: 'pi_failed', message: expect.stringContaining('No module') as string }]);
    expect(choice.isOutdated({ ...broken, version: '1.5.2', node: '22.0.0' })).toBe(false);
    now += 60 * 60_000;
    expect(await settled(choice)).toBe(false);
    expect(choice.current).toBe(bundled);
    await mkdir(join(broken.root!, 'node_modules'));
    expect(await settled(choice)).toBe(true);
    expect(choice.current).toBe(broken);
  });

  it('a pi that moved behind the same program of a version manager is found after some minutes', async () => {
    found = await install('1.5.2');
    const choice = await choose();
    found = await install('1.6.0');
    // The folder of all versions changed, which starts one search.
    expect(await settled(choice)).toBe(true);
    found = { ...found, root: '/elsewhere', version: '1.7.0' };
    expect(await settled(choice)).toBe(false);
    now += 10 * 60_000;
    expect(await choice.check()).toBe(true);
    expect(choice.current.version).toBe('1.7.0');
  });
});
