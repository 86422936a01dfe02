import { claimSession, holdLease, lastEvent, type Lease } from '@pizzapi/backbone';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endLostSession } from './endLostSession.js';
import { started } from './testing/events.js';
import { ProjectorHarness } from './testing/projectorHarness.js';

const GRACE_MS = 600_000;

let harness: ProjectorHarness;
let now = 0;
beforeEach(async () => {
  harness = await ProjectorHarness.open();
  now = 1_000_000;
});
afterEach(() => harness.close());

const project = () => harness.project({ reaper: { graceMs: GRACE_MS, now: () => now, tickMs: 20 } });

async function lease(sid: string): Promise<Lease> {
  const outcome = await holdLease(harness.backbone, `session.${sid}`, { epoch: 1 });
  if (outcome.kind !== 'held') throw new Error('taken');
  return outcome.lease;
}

/** A session with a host, folded. */
async function session(sid: string) {
  const writer = await harness.host(sid);
  const held = await lease(sid);
  await writer.append(started(sid));
  await harness.rowWhere(sid, () => true);
  return { writer, lease: held };
}

/** Resolves once the reaper counts so many sessions without a host. */
async function waiting(metrics: { render(): Promise<string> }, count: number): Promise<void> {
  while (!(await metrics.render()).includes(`\npizzapi_reaper_waiting ${count}\n`)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('the reaper', () => {
  it('ends a session when its host has been gone for the grace, and fences the host', async () => {
    const { metrics } = project();
    const { writer, lease: held } = await session('a');
    await held.release();
    await waiting(metrics, 1);
    now += GRACE_MS;
    const row = await harness.rowWhere('a', ({ info }) => info.state === 'ended');
    expect(row.info.endReason).toBe('host_lost');
    expect(row.epoch).toBeGreaterThan(writer.epoch);
    expect(await writer.append({ type: 'agent_start', at: 1 })).toMatchObject({ kind: 'fenced', epoch: row.epoch });
  });

  it('lets a host that is back before the end of the grace go on', async () => {
    const { metrics } = project();
    const back = await session('back');
    const lost = await session('lost');
    await back.lease.release();
    await lost.lease.release();
    await waiting(metrics, 2);
    const again = await lease('back');
    await waiting(metrics, 1);
    now += GRACE_MS;
    // Both are judged at the same tick: once the other one is over, this one has been let be.
    await harness.rowWhere('lost', ({ info }) => info.state === 'ended');
    expect((await harness.row('back'))?.info.state).toBe('idle');
    expect((await back.writer.append({ type: 'agent_start', at: 1 })).kind).toBe('appended');
    await again.release();
  });

  it('finds the sessions whose host went while no projector ran, and gives them their whole grace', async () => {
    const first = project();
    const { lease: held } = await session('a');
    await first.projector.stop();
    await held.release();
    now += 10 * GRACE_MS;
    const second = project();
    await waiting(second.metrics, 1);
    expect((await harness.row('a'))?.info.state).toBe('idle');
    now += GRACE_MS;
    await harness.rowWhere('a', ({ info }) => info.endReason === 'host_lost');
  });

  it('leaves a session to a host that comes back later', async () => {
    const { metrics } = project();
    const { lease: held } = await session('a');
    await held.release();
    await waiting(metrics, 1);
    now += GRACE_MS;
    await harness.rowWhere('a', ({ info }) => info.state === 'ended');
    const writer = await harness.host('a');
    expect((await writer.append({ type: 'session_resumed', at: 2, epoch: writer.epoch })).kind).toBe('appended');
    await harness.rowWhere('a', ({ info }) => info.state === 'idle');
  });
});

describe('a session whose grace is over', () => {
  it('is given another one when a host was granted it and has not written yet', async () => {
    const { projector } = project();
    const { lease: held } = await session('a');
    const row = (await harness.row('a'))!;
    await projector.stop();
    await held.release();
    const grant = await claimSession(harness.backbone, { sid: 'a', userId: 'owner', runnerId: 'r2' });
    if (grant.kind !== 'granted') throw new Error('refused');
    const returning = await endLostSession(harness.backbone, { sid: 'a', row });
    expect(returning).toEqual({ kind: 'returning', epoch: grant.epoch });
    expect(await endLostSession(harness.backbone, { sid: 'a', row, knownEpoch: grant.epoch })).toMatchObject({
      kind: 'ended',
    });
    expect((await lastEvent(harness.backbone, 'a'))?.type).toBe('session_ended');
    expect(await endLostSession(harness.backbone, { sid: 'a', row, knownEpoch: grant.epoch })).toMatchObject({
      kind: 'returning',
    });
  });

  it('is let be while its lease is held, whatever the book says', async () => {
    project();
    const { lease: held } = await session('a');
    expect(await endLostSession(harness.backbone, { sid: 'a', row: (await harness.row('a'))! })).toEqual({
      kind: 'not_lost',
    });
    await held.release();
  });
});
