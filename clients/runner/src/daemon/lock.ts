import { acquirePidLock } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';

/**
 * Makes sure that one daemon runs per home: two would carry every command out twice. Waits up to `patienceMs` for a
 * daemon that is stopping. Throws `store_in_use`. Returns what releases the lock.
 */
export async function lockHome(path: string, patienceMs = 0): Promise<() => Promise<void>> {
  const lock = await acquirePidLock(path, { waitMs: patienceMs, isReentrant: true });
  if (lock.kind === 'acquired') return lock.release;
  throw new CodedError('store_in_use', `The runner with process id ${lock.pid} uses ${path}`);
}
