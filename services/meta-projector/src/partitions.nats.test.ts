import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  bucket,
  headOf,
  LEASES,
  migratePartitions,
  partitionsOf,
  publishRunnerEvent,
  sessionMetaRows,
  sessionRows,
  type Backbone,
} from '@pizzapi/backbone';
import { partitionOf, type SessionRow } from '@pizzapi/protocol';
import { silentLogger } from '@pizzapi/process';
import { afterEach, describe, expect, it } from 'vitest';
import type { Projector } from './app.js';
import { LEASE_KEY, tryAcquire } from './leaderElection.js';
import { shareOf } from './partitionSharing.js';
import { scopeOf } from './partitionScope.js';
import { Rebuild } from './rebuild.js';
import { askForRebuild, summed, watchRequest } from './rebuildRequest.js';
import { started, turn } from './testing/events.js';
import { ProjectorHarness, rowKey } from './testing/projectorHarness.js';

const sids = Array.from({ length: 12 }, (_, i) => `session-${i}`);
/** The built process. */
const MAIN = fileURLToPath(new URL('../dist/bundle/main.js', import.meta.url));

let harness: ProjectorHarness;
let dying: ChildProcess | undefined;
afterEach(async () => {
  dying?.kill('SIGKILL');
  await harness.close();
});

/** What a refold of the whole log changes in the rows. */
async function refoldChanges(backbone: Backbone): Promise<{ changed: number; removed: number }> {
  const sum = { changed: 0, removed: 0 };
  for (let partition = 0; partition < partitionsOf(backbone); partition++) {
    const { signal } = new AbortController();
    const rebuild = new Rebuild({ backbone, log: silentLogger, signal, scope: scopeOf(backbone, partition) });
    await rebuild.catchUp();
    const { changed, removed } = await rebuild.swap();
    sum.changed += changed;
    sum.removed += removed;
  }
  return sum;
}

async function story(sid: string, turns: number): Promise<number> {
  const writer = await harness.host(sid);
  await writer.append(started(sid));
  let last = 0;
  for (let index = 0; index < turns; index++) last = await harness.tell(writer, ...turn(index));
  return last;
}

const counts = (projectors: readonly Projector[]) =>
  projectors.map((projector) => projector.partitions().length).sort();
const partitionLeases = async () =>
  (await bucket(harness.backbone, LEASES).keys('projector.')).filter((key) => /^projector\.\d+$/.test(key));

describe('projectors of four partitions', () => {
  it('share them evenly, take those of one that died, and give a new one its share; nothing is missing', async () => {
    harness = await ProjectorHarness.open({ partitions: 4 });
    const first = harness.project();
    await expect.poll(() => counts([first.projector])).toEqual([4]);
    // The built process, as it is deployed, to be killed.
    const env = { ...process.env, PIZZAPI_NATS_URL: harness.nats.url, PIZZAPI_PARTITIONS: '4' };
    dying = fork(MAIN, [], { execArgv: [], env, silent: true });
    await expect.poll(() => counts([first.projector])).toEqual([2]);
    await expect.poll(() => partitionLeases()).toHaveLength(4);

    const lasts = new Map<string, number>();
    for (const sid of sids) lasts.set(sid, await story(sid, 2));
    for (const sid of sids)
      await harness.rowWhere(sid, ({ lastSeq, count }) => lastSeq === lasts.get(sid) && count === 19);
    await publishRunnerEvent(harness.backbone, 'r1', { type: 'runner_stopped', at: 2, reason: 'signal' });

    dying.kill('SIGKILL');
    await expect.poll(() => counts([first.projector])).toEqual([4]);
    for (const sid of sids) lasts.set(sid, await harness.tell(await harness.host(sid), ...turn(9)));
    for (const sid of sids) await harness.rowWhere(sid, ({ lastSeq }) => lastSeq === lasts.get(sid));

    const third = harness.project();
    const fourth = harness.project();
    const three = [first.projector, third.projector, fourth.projector];
    await expect.poll(() => counts(three)).toEqual([1, 1, 2]);
    for (const sid of sids) lasts.set(sid, await harness.tell(await harness.host(sid), ...turn(10)));
    for (const sid of sids) await harness.rowWhere(sid, ({ lastSeq }) => lastSeq === lasts.get(sid));
    await first.projector.stop();
    await expect.poll(() => counts(three)).toEqual([0, 2, 2]);
    for (const projector of three) await projector.stop();
    expect(await refoldChanges(harness.backbone)).toEqual({ changed: 0, removed: 0 });
  });

  it('rebuild their parts when one rebuild is asked for, and end a session of any partition whose host is lost', async () => {
    harness = await ProjectorHarness.open({ partitions: 4 });
    const options = { reaper: { graceMs: 50, tickMs: 20 } };
    const two = [harness.project(options).projector, harness.project(options).projector];
    await expect.poll(() => counts(two)).toEqual([2, 2]);
    await harness.runnerStarted('r1', 'oven');
    for (const sid of sids) await story(sid, 1);
    for (const sid of sids) await harness.rowWhere(sid, ({ info }) => info.state === 'ended');
    expect(new Set(sids.map((sid) => partitionOf(sid, 4))).size).toBe(4);
    await harness.runnerWhere('r1', ({ info }) => info.name === 'oven');

    const rows = bucket<SessionRow>(harness.backbone, 'sessions');
    for (const sid of sids) await rows.put(rowKey(`orphan-${sid}`), {} as SessionRow);
    for (const sid of sids) await rows.delete(rowKey(sid));
    const id = await askForRebuild(harness.backbone);
    for await (const request of watchRequest(harness.backbone, new AbortController().signal)) {
      if (request.id !== id || request.state !== 'done') continue;
      expect(request.result).toEqual({ changed: sids.length, removed: sids.length });
      break;
    }
    for (const projector of two) await projector.stop();
    expect(await refoldChanges(harness.backbone)).toEqual({ changed: 0, removed: 0 });
  });
});

it('of projectors that ask for a lease at the same time, one gets it', async () => {
  harness = await ProjectorHarness.open();
  const epoch = Date.now();
  const all = Array.from({ length: 8 }, () =>
    tryAcquire(harness.backbone, LEASE_KEY, { epoch, ttlMs: 10_000, renewMs: 5_000 }, silentLogger),
  );
  const held = (await Promise.all(all)).filter((lease) => lease !== undefined);
  expect(held).toHaveLength(1);
  await held[0]?.release();
});

it('the projections are the same, apart from offsets, after the log has moved to 4, 2 and 1 partitions', async () => {
  harness = await ProjectorHarness.open();
  for (const sid of sids) await story(sid, 3);
  const one = harness.project();
  /** Every row that a projector of the deployment as it is has made, without what an offset is in. */
  const projected = async () => {
    const found = new Map<string, unknown>();
    for (const sid of sids) {
      const { last } = await headOf(harness.backbone, sid);
      const { info, count, logBytes } = await harness.rowWhere(sid, ({ lastSeq }) => lastSeq === last);
      found.set(sid, { info, count, logBytes, state: (await harness.metaWhere(sid, () => true)).state });
    }
    return found;
  };
  const before = await projected();
  await one.projector.stop();
  for (const to of [4, 2, 1]) {
    expect(await migratePartitions(harness.backbone, { to })).toMatchObject({ kind: 'moved', to });
    const { projector } = harness.project();
    expect(await projected()).toEqual(before);
    await expect.poll(() => projector.partitions().length).toBe(to);
    await projector.stop();
    expect(await refoldChanges(harness.backbone)).toEqual({ changed: 0, removed: 0 });
    expect((await sessionRows(harness.backbone).keys()).length).toBe(sids.length);
    expect((await sessionMetaRows(harness.backbone).keys()).length).toBe(sids.length);
  }
});

describe('the share of a projector', () => {
  it('is the same for all, and those whose ids come first take one more where that does not divide', () => {
    harness = { close: () => Promise.resolve() } as unknown as ProjectorHarness;
    for (const partitions of [1, 2, 4, 7, 64]) {
      for (const members of [['a'], ['a', 'b'], ['c', 'a', 'b'], [...'hgfedcba']]) {
        const shares = members.map((id) => shareOf(id, members, partitions));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(partitions);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }
    }
    expect(shareOf('new', ['a'], 4)).toBe(2);
  });

  it('of a rebuild is done when every part is, and its result is the sum', () => {
    const part = (state: 'folding' | 'done') => ({
      ...{ id: 'r', state, progress: { folded: 2, of: 3 } },
      ...(state === 'done' ? { result: { changed: 1, removed: 2 } } : {}),
    });
    expect(summed('r', [part('done')], 2)).toEqual({ id: 'r', state: 'folding', progress: { folded: 2, of: 3 } });
    expect(summed('r', [part('done'), part('folding')], 2).state).toBe('folding');
    expect(summed('r', [part('done'), part('done')], 2)).toEqual({
      ...{ id: 'r', state: 'done', progress: { folded: 4, of: 6 } },
      result: { changed: 2, removed: 4 },
    });
  });
});
