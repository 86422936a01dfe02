import type { Bucket } from '@pizzapi/backbone';

/**
 * Does something that may be done again, once for each key, and then stores the key. False when the key is stored already. A
 * failure, or the death of this process, leaves the key free for the next attempt. Of two attempts at once both may do it.
 */
export async function runOnce(
  done: Pick<Bucket<{ usedAt: number }>, 'get' | 'create'>,
  key: string,
  { until, now = Date.now }: { until: number; now?: () => number },
  work: () => Promise<void>,
): Promise<boolean> {
  if ((await done.get(key)) !== undefined) return false;
  await work();
  await done.create(key, { usedAt: now() }, { ttlMs: Math.max(1_000, until - now()) });
  return true;
}
