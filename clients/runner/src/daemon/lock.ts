import { sleep } from '@pizzapi/process';
import { CodedError, isMap, numberAt, stringAt } from '@pizzapi/protocol';
import { rm } from 'node:fs/promises';
import { readJson, writePrivate } from '../files.js';
import { isSameProcess, processStart } from '../processes.js';

const POLL_MS = 100;

/**
 * Makes sure that one daemon runs per home: two would carry every command out twice. The lock of a daemon that was
 * killed is taken over; one that is stopping is waited for, up to `patienceMs`. Throws `store_in_use`. The result lets
 * go of it.
 */
export async function lockHome(path: string, patienceMs = 0): Promise<() => Promise<void>> {
  const deadline = Date.now() + patienceMs;
  for (let holder = await holderOf(path); holder !== undefined; holder = await holderOf(path)) {
    if (Date.now() >= deadline) throw new CodedError('store_in_use', `The runner of process ${holder} uses ${path}`);
    await sleep(POLL_MS);
  }
  await writePrivate(path, JSON.stringify({ pid: process.pid, start: await processStart(process.pid) }));
  return () => rm(path, { force: true });
}

/** The other living process that holds the lock. */
async function holderOf(path: string): Promise<number | undefined> {
  const kept = await readJson(path);
  if (!isMap(kept)) return undefined;
  const [pid, start] = [numberAt(kept, 'pid'), stringAt(kept, 'start')];
  if (pid === undefined || pid === process.pid || start === undefined) return undefined;
  return (await isSameProcess(pid, start)) ? pid : undefined;
}
