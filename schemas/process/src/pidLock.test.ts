import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquirePidLock } from './pidLock.js';
import { processStart } from './processStart.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-lock-'));
  path = join(folder, 'lock.json');
});
afterEach(() => rm(folder, { recursive: true }));

const holdAs = async (pid: number) => writeFile(path, JSON.stringify({ pid, start: await processStart(pid) }));

async function acquired(options?: Parameters<typeof acquirePidLock>[1]) {
  const outcome = await acquirePidLock(path, options);
  if (outcome.kind !== 'acquired') throw new Error(`held by ${outcome.pid}`);
  return outcome.release;
}

describe('a pid lock', () => {
  it('is held by one at a time, and is free again after its release', async () => {
    const release = await acquired();
    expect(await acquirePidLock(path)).toEqual({ kind: 'held', pid: process.pid });
    await release();
    expect(await readdir(folder)).toEqual([]);
    await acquired();
  });

  it('is refused while another process that holds it lives', async () => {
    await holdAs(process.ppid);
    expect(await acquirePidLock(path, { isReentrant: true })).toEqual({ kind: 'held', pid: process.ppid });
  });

  it('is taken over from a process that is gone, also when its pid is in use again', async () => {
    for (const stale of [{ pid: 999_999_999, start: '1' }, { pid: 1, start: 'another life' }, 'damaged']) {
      await writeFile(path, stale === 'damaged' ? '{' : JSON.stringify(stale));
      await (
        await acquired()
      )();
    }
  });

  it('can be acquired again by the process that holds it, if this is wanted', async () => {
    await acquired();
    await acquired({ isReentrant: true });
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
  });

  it('is acquired by one of many that find a dead holder together', async () => {
    await writeFile(path, JSON.stringify({ pid: 999_999_999, start: '1' }));
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => acquirePidLock(path)));
    expect(outcomes.filter(({ kind }) => kind === 'acquired')).toHaveLength(1);
    expect(await readdir(folder)).toEqual(['lock.json']);
  });

  it('is not removed by a holder that has lost it', async () => {
    const release = await acquired();
    await holdAs(process.ppid);
    await release();
    expect(await readdir(folder)).toEqual(['lock.json']);
  });

  it('is waited for while its holder stops', async () => {
    const holder = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1e6)']);
    await once(holder, 'spawn');
    await holdAs(holder.pid!);
    const waiting = acquired({ waitMs: 30_000 });
    holder.kill('SIGKILL');
    await (
      await waiting
    )();
  });
});
