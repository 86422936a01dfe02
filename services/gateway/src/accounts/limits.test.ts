import { describe, expect, it } from 'vitest';
import { AttemptLimits } from './limits.js';

const times = async (count: number, work: () => Promise<number | undefined>) => {
  const waits: (number | undefined)[] = [];
  for (let i = 0; i < count; i++) waits.push(await work());
  return waits.filter((wait) => wait !== undefined).length;
};

describe('attempts', () => {
  it('beyond ten a minute of one client are too many, and are told how long to wait', async () => {
    const limits = new AttemptLimits();
    expect(await times(10, () => limits.take('login', '192.0.2.1'))).toBe(0);
    const wait = await limits.take('login', '192.0.2.1');
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect(await limits.take('signup', '192.0.2.1')).toBeUndefined();
    expect(await limits.take('login', '192.0.2.2')).toBeUndefined();
  });

  it('at one account count together, wherever they come from', async () => {
    const limits = new AttemptLimits();
    let client = 0;
    expect(await times(11, () => limits.take('login', `192.0.2.${++client}`, 'a@b.c'))).toBe(1);
    expect(await limits.take('login', '192.0.2.99', 'd@e.f')).toBeUndefined();
  });

  it('that succeed count for neither', async () => {
    const limits = new AttemptLimits();
    const success = async () => {
      const wait = await limits.take('login', '192.0.2.1', 'a@b.c');
      await limits.succeeded('login', '192.0.2.1', 'a@b.c');
      return wait;
    };
    expect(await times(30, success)).toBe(0);
  });

  it('of a client that is sent away do not count against the account', async () => {
    const limits = new AttemptLimits(3);
    await times(3, () => limits.take('login', '192.0.2.1', 'x@y.z'));
    expect(await times(5, () => limits.take('login', '192.0.2.1', 'a@b.c'))).toBe(5);
    expect(await limits.take('login', '192.0.2.2', 'a@b.c')).toBeUndefined();
  });
});
