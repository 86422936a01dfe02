import { describe, expect, it } from 'vitest';
import { withTimeout } from './withTimeout.js';

const never = new Promise<never>(() => undefined);

describe('withTimeout', () => {
  it('resolves and rejects as the promise does', async () => {
    expect(await withTimeout(Promise.resolve('done'), 1_000)).toBe('done');
    await expect(withTimeout(Promise.reject(new Error('no')), 1_000)).rejects.toThrow('no');
  });

  it('resolves with undefined when the time has passed', async () => {
    expect(await withTimeout(never, 1)).toBeUndefined();
  });

  it('resolves or rejects as `onTimeout` does when the time has passed', async () => {
    expect(await withTimeout(never, 1, () => false)).toBe(false);
    const throwing = () => {
      throw new Error('too slow');
    };
    await expect(withTimeout(never, 1, throwing)).rejects.toThrow('too slow');
  });

  it('ignores a rejection that comes after the time', async () => {
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<void>((_, reject) => (fail = reject));
    expect(await withTimeout(work, 1)).toBeUndefined();
    fail(new Error('late'));
    await new Promise((resolve) => setTimeout(resolve, 1));
  });
});
