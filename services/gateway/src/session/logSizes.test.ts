import fc from 'fast-check';
import { initialSessionInfo } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { MemoryRows } from '../testing/memoryRows.js';
import type { ProjectedSession } from './heldSessions.js';
import { AccountLogSizes } from './logSizes.js';

const row = (sid: string, logBytes: number): ProjectedSession => ({ info: initialSessionInfo(sid), logBytes });

/** Rows whose changes reach the sizes at once. */
function start(maxSessions = 1_000) {
  const rows = new MemoryRows<ProjectedSession>('sessions');
  const sizes = new AccountLogSizes({ rows, maxSessions });
  rows.onWrite = (change) => {
    const [userId = '', sid = ''] = change.key.split('.');
    sizes.changed(userId, sid, change);
  };
  return { rows, sizes };
}

describe('the size of the logs of an account', () => {
  it('is the sum over its sessions, however they change before, while and after it is read', async () => {
    const step = fc.record({
      key: fc.constantFrom('ann.s1', 'ann.s2', 'ann.s3', 'bob.s1'),
      bytes: fc.option(fc.nat(1_000), { nil: undefined }),
      ask: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { rows, sizes } = start();
        const model = new Map<string, number>();
        const asked: Promise<number>[] = [];
        for (const { key, bytes, ask } of steps) {
          if (ask) asked.push(sizes.ofAccount('ann'));
          if (bytes === undefined) model.delete(key);
          else model.set(key, bytes);
          rows.write(key, bytes === undefined ? undefined : row(key.slice(4), bytes));
          if (ask) await Promise.resolve();
        }
        await Promise.all(asked);
        const sum = (userId: string) =>
          [...model].reduce((all, [key, bytes]) => all + (key.startsWith(`${userId}.`) ? bytes : 0), 0);
        for (const userId of ['ann', 'bob']) expect(await sizes.ofAccount(userId)).toBe(sum(userId));
      }),
    );
  });

  it('is read once while it is in use, and again after other accounts took its place', async () => {
    const { rows, sizes } = start(2);
    for (const key of ['ann.s1', 'ann.s2', 'bob.s1']) rows.write(key, row('s', 5));
    expect([await sizes.ofAccount('ann'), await sizes.ofAccount('ann'), rows.lists]).toEqual([10, 10, 1]);
    expect([await sizes.ofAccount('bob'), await sizes.ofAccount('ann'), rows.lists]).toEqual([5, 10, 3]);
  });
});
