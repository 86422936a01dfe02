import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { KeyedSerialQueue, SerialQueue } from './serialQueue.js';

/** Work that records when it starts and when it ends. */
function recorder() {
  const steps: string[] = [];
  const work =
    (name: string, ms = 5) =>
    async () => {
      steps.push(`${name} starts`);
      await delay(ms);
      steps.push(`${name} ends`);
      return name;
    };
  return { steps, work };
}

describe('a serial queue', () => {
  it('runs one piece of work at a time, in the order of the calls', async () => {
    const { steps, work } = recorder();
    const queue = new SerialQueue();
    expect(await Promise.all([queue.run(work('a', 10)), queue.run(work('b', 1))])).toEqual(['a', 'b']);
    expect(steps).toEqual(['a starts', 'a ends', 'b starts', 'b ends']);
  });

  it('passes a failure to its caller only', async () => {
    const queue = new SerialQueue();
    const failed = queue.run(() => {
      throw new Error('no');
    });
    const next = queue.run(() => 1);
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe(1);
  });

  it('is idle when all work has settled, also work that failed', async () => {
    const { steps, work } = recorder();
    const queue = new SerialQueue();
    void queue.run(work('a'));
    void queue.run(() => Promise.reject(new Error('no'))).catch(() => undefined);
    await queue.idle();
    expect(steps).toEqual(['a starts', 'a ends']);
  });
});

describe('a keyed serial queue', () => {
  it('runs the work of one key in order and of different keys concurrently', async () => {
    const { steps, work } = recorder();
    const queue = new KeyedSerialQueue();
    await Promise.all([queue.run('x', work('a', 20)), queue.run('x', work('b')), queue.run('y', work('c'))]);
    expect(steps).toEqual(['a starts', 'c starts', 'c ends', 'a ends', 'b starts', 'b ends']);
  });

  it('forgets a key when its work has settled', async () => {
    const queue = new KeyedSerialQueue<number>();
    void queue.run(1, () => delay(1));
    const failed = queue.run(1, () => Promise.reject(new Error('no')));
    expect(queue.size).toBe(1);
    await expect(failed).rejects.toThrow('no');
    await queue.idle();
    expect(queue.size).toBe(0);
  });
});
