import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Semaphore, SemaphoreFullError } from './semaphore.js';

describe('a semaphore', () => {
  it('runs at most `max` at once and starts the others in the order of the calls', async () => {
    const semaphore = new Semaphore(2);
    const started: number[] = [];
    let [running, most] = [0, 0];
    const work = (n: number) => async () => {
      started.push(n);
      most = Math.max(most, ++running);
      await delay(2);
      running--;
      return n;
    };
    expect(await Promise.all([1, 2, 3, 4, 5].map((n) => semaphore.run(work(n))))).toEqual([1, 2, 3, 4, 5]);
    expect(started).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it('refuses a call that may not wait, and accepts calls again afterwards', async () => {
    const semaphore = new Semaphore(1, { maxWaiting: 1 });
    const first = semaphore.run(() => delay(5));
    const second = semaphore.run(() => delay(5));
    expect(semaphore.isFull).toBe(true);
    await expect(semaphore.run(() => delay(5))).rejects.toBeInstanceOf(SemaphoreFullError);
    expect(semaphore.tryRun(() => delay(5))).toBeUndefined();
    await Promise.all([first, second]);
    expect(await semaphore.tryRun(() => Promise.resolve(1))).toBe(1);
  });

  it('frees the slot of work that failed', async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await semaphore.run(() => Promise.resolve('next'))).toBe('next');
  });

  it('works through a list and skips the rest after a failure', async () => {
    const seen: number[] = [];
    await new Semaphore(2).forEach([1, 2, 3], async (n) => void seen.push(n));
    expect(seen).toEqual([1, 2, 3]);
    const failing = new Semaphore(1).forEach([1, 2, 3], async (n) => {
      seen.push(n * 10);
      if (n === 2) throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(seen).toEqual([1, 2, 3, 10, 20]);
  });
});
