import { CodedError, isMap, numberAt, stringAt } from '@pizzapi/protocol';
import { rm } from 'node:fs/promises';
import { readJson, writePrivate } from '../files.js';
import { isSameProcess, processStart } from '../processes.js';

/**
 * Makes sure that one daemon runs per home: two would carry every command out twice. The lock of a daemon that was
 * killed is taken over. Throws `store_in_use`. The result lets go of it.
 */
export async function lockHome(path: string): Promise<() => Promise<void>> {
  const kept = await readJson(path);
  if (isMap(kept)) {
    const [pid, start] = [numberAt(kept, 'pid'), stringAt(kept, 'start')];
    if (pid !== undefined && pid !== process.pid && start !== undefined && (await isSameProcess(pid, start))) {
      throw new CodedError('store_in_use', `The runner of process ${pid} uses ${path}`);
    }
  }
  await writePrivate(path, JSON.stringify({ pid: process.pid, start: await processStart(process.pid) }));
  return () => rm(path, { force: true });
}
