import { LatencyCounts } from '@pizzapi/process';
import { expect, it } from 'vitest';
import type { WorkerFigures } from '../ipc/messages.js';
import { WorkerCounts, type CountedWorker } from './workerCounts.js';

const counts = (eventsAppended: number): WorkerFigures => {
  const appends = new LatencyCounts();
  for (let at = 0; at < eventsAppended; at++) appends.observe(0.001);
  const none = { reconnects: 0, staleEpochEvents: 0, gapsFilled: 0, readersRebuilt: 0, foreignMessages: 0 };
  return { ...none, eventsAppended, appends, appendsFailed: 0, sid: 's', spoolBytes: 10 * eventsAppended };
};

/** A worker that answers with its counts until it ends. */
function worker(now: () => WorkerFigures | 'refused' | 'silent') {
  let close: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (close = resolve));
  const link: CountedWorker['worker']['link'] = {
    closed,
    lastCounts: undefined,
    request: (() => {
      const answer = now();
      if (answer === 'silent') return new Promise(() => undefined);
      return Promise.resolve(answer === 'refused' ? { kind: 'refused' } : { kind: 'answered', answer });
    }) as CountedWorker['worker']['link']['request'],
  };
  const attached: CountedWorker = { worker: { link } };
  const end = async (last?: WorkerFigures) => {
    link.lastCounts = last;
    close();
    await closed;
    // What follows the end of a link runs in the next turn.
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { attached, end };
}

it('the counts of workers are kept when they leave, and no event is counted twice', async () => {
  const all = new WorkerCounts();
  let appended = 3;
  const one = worker(() => counts(appended));
  const other = worker(() => counts(5));
  all.follow(one.attached);
  all.follow(other.attached);
  const total = async () => (await all.total(counts(1))).eventsAppended;
  expect(await total()).toBe(9);
  appended = 4;
  expect(await total()).toBe(10);
  // It appended two more between the last scrape and its end.
  await one.end(counts(6));
  expect(await total()).toBe(12);
  // A worker that is killed sends nothing: its last counts stay.
  await other.end();
  expect(await total()).toBe(12);
});

it('a worker of an earlier version and one that does not answer hold no scrape', async () => {
  const all = new WorkerCounts();
  all.follow(worker(() => 'refused').attached);
  all.follow(worker(() => 'silent').attached);
  expect((await all.total(counts(2))).eventsAppended).toBe(2);
});

it('sessions with a full spool are counted as paused', () => {
  const all = new WorkerCounts();
  const one = worker(() => counts(0));
  all.follow(one.attached);
  expect(all.paused).toBe(0);
  one.attached.isPaused = true;
  expect(all.paused).toBe(1);
});

it('the spools are those of the workers that run', async () => {
  const all = new WorkerCounts();
  const one = worker(() => counts(2));
  all.follow(one.attached);
  await all.total(counts(0));
  expect([...all.spools]).toEqual([['s', 20]]);
  await one.end();
  expect([...all.spools]).toEqual([]);
});
