import type { Bucket } from '@pizzapi/backbone';
import { expect, it } from 'vitest';
import { runOnce } from './runOnce.js';

type Row = { usedAt: number };

function memory(): Pick<Bucket<Row>, 'get' | 'create'> {
  const rows = new Map<string, Row>();
  return {
    get: (key) => {
      const value = rows.get(key);
      return Promise.resolve(value && { value, revision: 1 });
    },
    create: (key, value) => {
      rows.set(key, value);
      return Promise.resolve({ kind: 'stored', revision: 1 });
    },
  };
}

it('what failed is done again at the next attempt, and once after that', async () => {
  const rows = memory();
  let done = 0;
  let isAway = true;
  const attempt = () =>
    runOnce(rows, 'oidc-logout.x', { until: Date.now() + 60_000 }, () => {
      if (isAway) return Promise.reject(new Error('the store is away'));
      done++;
      return Promise.resolve();
    });
  await expect(attempt()).rejects.toThrow('away');
  isAway = false;
  expect([await attempt(), await attempt(), done]).toEqual([true, false, 1]);
});
