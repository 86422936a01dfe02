import { AUDIT_STREAM, bucket, consumeStream, holdLease, shareRows, type SessionWriter } from '@pizzapi/backbone';
import {
  decode,
  type AccountRow,
  type GuestRef,
  type SessionEvent,
  type ShareMode,
  type ShareRow,
} from '@pizzapi/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { started } from '../testing/events.js';
import { LinkedSessionsHarness } from '../testing/linkedSessionsHarness.js';
import { ProjectorHarness } from '../testing/projectorHarness.js';
import { AGAIN_MS } from './guestEndings.js';

let harness: ProjectorHarness;
let linked: LinkedSessionsHarness;
let skew = 0;

beforeEach(async () => {
  skew = 0;
  harness = await ProjectorHarness.open();
  linked = new LinkedSessionsHarness(harness);
  await linked.runner('r1');
});
afterEach(async () => {
  await linked.close();
  await harness.close();
});

const now = () => Date.now() + skew;
const shares = () => shareRows(harness.backbone);
const refOf = (shareId: string, name = 'Bob'): GuestRef => ({ shareId, sessionId: 'p', name });

async function link(shareId: string, mode: ShareMode = 'collab', more: Partial<ShareRow> = {}): Promise<GuestRef> {
  const row = { shareId, sessionId: 'p', userId: 'owner', mode, createdAt: now(), expiresAt: now() + 60_000, ...more };
  await shares().put(`p.${shareId}`, row);
  return refOf(shareId);
}
async function change(shareId: string, more: Partial<ShareRow>): Promise<void> {
  const { value } = (await shares().get(`p.${shareId}`))!;
  await shares().put(`p.${shareId}`, { ...value, ...more });
}

const reap = () => linked.orchestrate({ guests: { now, tickMs: 20 } });

/** A session that is hosted, and of which guests had it started. */
async function session(sid: string, startedBy: GuestRef[] = []): Promise<SessionWriter> {
  await holdLease(harness.backbone, `session.${sid}`, { epoch: 1 });
  const writer = await harness.host(sid);
  const by = startedBy.length === 0 ? {} : { startedBy };
  await writer.append({ ...started(sid), ...by });
  return writer;
}
const atWork = (...guests: GuestRef[]): SessionEvent => ({ type: 'guests_at_work', at: Date.now(), guests });
const killed = (sid: string) => linked.command('kill_session', 'r1', (command) => command.sessionId === sid);

/** The rows of the audit log that a projector writes. */
async function rows(fits: (row: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
  const stop = new AbortController();
  let found: Record<string, unknown> | undefined;
  await consumeStream(harness.backbone, AUDIT_STREAM, {
    after: 0,
    signal: stop.signal,
    onBatch: (batch) => {
      found ??= batch.map(({ payload }) => decode(payload) as Record<string, unknown>).find(fits);
      if (found !== undefined) stop.abort();
    },
  });
  return found!;
}

describe('what guests began', () => {
  const ways: [string, string, (shareId: string) => Promise<unknown>][] = [
    ['is revoked', 'revoked', (id) => change(id, { revokedAt: Date.now() })],
    ['is gone with its row', 'revoked', (id) => shares().delete(`p.${id}`)],
    ['only lets them watch', 'restricted', (id) => change(id, { mode: 'read' })],
    ['expires', 'expired', async () => (skew = 120_000)],
    [
      'is of an account that is disabled',
      'disabled',
      () =>
        bucket<AccountRow>(harness.backbone, 'accounts').put('user.owner', {
          ...{ userId: 'owner', name: 'Ada', role: 'admin', createdAt: 1, disabledAt: 2 },
        }),
    ],
  ];

  it.each(ways)('ends when their link %s', async (_what, why, end) => {
    const bob = await link('sh_bob');
    await session('child', [bob]);
    const parent = await session('p');
    await parent.append(atWork(bob));
    await reap();
    await harness.rowWhere('child', ({ info }) => info.startedBy !== undefined);
    await end('sh_bob');
    const kill = await killed('child');
    expect(kill.by).toEqual({ userId: 'owner', via: 'system' });
    expect(kill.args.message).toContain('Bob');
    const left = await linked.command('guest_left', 'r1');
    expect(left).toMatchObject({ sessionId: 'p', args: { shareId: 'sh_bob', name: 'Bob', why } });
    expect(await rows(({ sessionId }) => sessionId === 'child')).toMatchObject({
      ...{ kind: 'guest_stopped', what: 'session', why, shareId: 'sh_bob', guest: 'Bob', userId: 'owner' },
    });
  });

  it('goes on while the link lets them write, also a step down, and is nobody else’s', async () => {
    const [bob, eve] = [await link('sh_bob', 'approve'), await link('sh_eve')];
    await session('bobs', [bob]);
    await session('eves', [eve]);
    await session('own');
    await reap();
    await harness.rowWhere('eves', ({ info }) => info.startedBy !== undefined);
    await change('sh_bob', { mode: 'collab' });
    await change('sh_eve', { revokedAt: Date.now() });
    await killed('eves');
    expect(linked.all('kill_session', 'r1').map(({ sessionId }) => sessionId)).toEqual(['eves']);
  });

  it('ends also when the link ended while no projector was there, and a link of another account is none', async () => {
    const bob = await link('sh_bob', 'collab', { revokedAt: Date.now() });
    await session('child', [bob]);
    await link('sh_mallory', 'collab', { userId: 'mallory' });
    await session('other', [refOf('sh_mallory')]);
    await reap();
    await killed('child');
    await killed('other');
  });

  it('is told again to a host that has not done it, and not once it is done', async () => {
    const bob = await link('sh_bob', 'collab', { revokedAt: Date.now() });
    const child = await session('child', [bob]);
    await reap();
    const first = await killed('child');
    skew = AGAIN_MS;
    const again = await linked.command('kill_session', 'r1', ({ commandId }) => commandId !== first.commandId);
    expect(again.sessionId).toBe('child');
    await child.append({ type: 'session_ended', at: Date.now(), reason: 'killed' });
    await harness.rowWhere('child', ({ info }) => info.state === 'ended');
    const parent = await session('p');
    await parent.append(atWork(bob));
    await linked.command('guest_left', 'r1');
    expect(linked.all('kill_session', 'r1')).toHaveLength(2);
  });
});

describe('what an agent has another session do in the turn of a guest', () => {
  const spawn = (sid: string, guests: GuestRef[]): SessionEvent => ({
    ...{ type: 'session_spawn', at: Date.now(), spawnId: `n_${sid}`, sessionId: sid, prompt: 'x', runnerId: 'r1' },
    ...(guests.length === 0 ? {} : { guests }),
  });

  it('is carried over as theirs, and the audit log says so; the owner’s is not', async () => {
    const bob = await link('sh_bob');
    await reap();
    const parent = await linked.session('p', 'r1');
    await parent.append(spawn('own', []));
    await parent.append(spawn('bobs', [bob]));
    const own = await linked.command('new_session', 'r1', ({ args }) => args.sessionId === 'own');
    const bobs = await linked.command('new_session', 'r1', ({ args }) => args.sessionId === 'bobs');
    expect(own.by).toEqual({ userId: 'owner', via: 'agent' });
    expect(bobs.by).toEqual({ userId: 'owner', via: 'agent', guests: [bob] });
    expect(await rows(({ kind }) => kind === 'guest_spawn')).toMatchObject({
      ...{ userId: 'owner', sessionId: 'bobs', parentSessionId: 'p', shareId: 'sh_bob', guest: 'Bob' },
    });
  });

  it('is not carried over once their link has ended, and its sender hears why', async () => {
    const bob = await link('sh_bob', 'collab', { revokedAt: Date.now() });
    await reap();
    const parent = await linked.session('p', 'r1');
    await parent.append(spawn('late', [bob]));
    const { args } = await linked.receipt('r1', 'n_late', 'failed');
    expect(args.error).toMatchObject({ code: 'link_ended' });
    expect(linked.all('new_session', 'r1')).toEqual([]);
  });

  it('is not told to the parent when it ends with their link', async () => {
    const bob = await link('sh_bob');
    await reap();
    const parent = await linked.session('p', 'r1');
    for (const sid of ['bobs', 'own']) {
      await parent.append(spawn(sid, sid === 'own' ? [] : [bob]));
      await linked.command('new_session', 'r1', ({ args }) => args.sessionId === sid);
    }
    await change('sh_bob', { revokedAt: Date.now() });
    const bobs = await session('bobs', [bob]);
    await killed('bobs');
    await bobs.append({ type: 'session_ended', at: Date.now(), reason: 'killed' });
    const own = await session('own');
    await own.append({ type: 'session_ended', at: Date.now(), reason: 'killed' });
    const told = await linked.command('session_trigger', 'r1', ({ args }) => args.sessionId === 'own');
    expect(told.args.kind).toBe('session_error');
    expect(linked.all('session_trigger', 'r1').map(({ args }) => args.sessionId)).toEqual(['own']);
  });
});
