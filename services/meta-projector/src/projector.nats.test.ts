import {
  bucket,
  deleteSessionRows,
  forgetOwner,
  purgeSession,
  recentSessionsRows,
  replay,
  sessionRows,
  SESSIONS_STREAM,
  streamHead,
  streamIdentity,
  type SessionWriter,
} from '@pizzapi/backbone';
import { METRICS, silentLogger, type Metrics } from '@pizzapi/process';
import { offsetBeforeLast, type SessionEvent, type SessionMetaRow, type SessionRow } from '@pizzapi/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCursor, ROWS_FORM, saveCursor, type Cursor } from './cursor.js';
import { Rebuild, type SwapResult } from './rebuild.js';
import { askForRebuild, watchRequest } from './rebuildRequest.js';
import { started, turn } from './testing/events.js';
import { ProjectorHarness, rowKey } from './testing/projectorHarness.js';

let harness: ProjectorHarness;
beforeEach(async () => {
  harness = await ProjectorHarness.open();
});
afterEach(() => harness.close());

const tell = (writer: SessionWriter, ...events: SessionEvent[]): Promise<number> => harness.tell(writer, ...events);

/** A session of so many turns; the offset of its last event. */
async function story(sid: string, turns: number): Promise<number> {
  const writer = await harness.host(sid);
  return tell(writer, started(`Story ${sid}`), ...Array.from({ length: turns }, (_, index) => turn(index)).flat());
}

/** How many rows a refold of the log would change: none, when the projection is right. */
async function refold(): Promise<SwapResult> {
  const { signal } = new AbortController();
  const rebuild = new Rebuild({ backbone: harness.backbone, log: silentLogger, signal });
  await rebuild.catchUp();
  return rebuild.swap();
}

const UNCHANGED: SwapResult = { changed: 0, removed: 0 };

async function counted(metrics: Metrics, name: string): Promise<number> {
  const lines = (await metrics.render()).split('\n').filter((line) => line.startsWith(name) && !line.startsWith('#'));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

describe('the projector', () => {
  it('keeps rows of every session and runner that equal a refold of the log', async () => {
    await harness.runnerStarted('r1', 'Laptop');
    const before = await story('a', 5);
    harness.project();
    await harness.rowWhere('a', (row) => row.lastSeq === before);
    const [a, b] = await Promise.all([tell(await harness.host('a'), ...turn(7)), story('b', 40)]);
    expect(await harness.rowWhere('b', (row) => row.lastSeq === b)).toMatchObject({
      info: { messages: 80, state: 'idle' },
    });
    expect(await harness.rowWhere('a', (row) => row.lastSeq === a)).toMatchObject({
      count: 55,
      info: { name: 'Story a' },
    });
    expect((await harness.metaWhere('a', (row) => row.state.version === 12)).state.tokenUsage?.cost).toBe(0.07);
    expect((await harness.runnerWhere('r1', () => true)).info.name).toBe('Laptop');
    await harness.projectors[0]?.stop();
    expect(await refold()).toEqual(UNCHANGED);
  });

  it('goes on after a restart where it was, without folding anything again', async () => {
    const first = await story('a', 30);
    const one = harness.project();
    await harness.rowWhere('a', (row) => row.lastSeq === first);
    await one.projector.stop();
    expect((await readCursor(bucket<Cursor>(harness.backbone, 'projector')))?.sessions).toBe(first);
    // How far it is can be seen also where nothing has happened since.
    const idle = harness.project();
    const line = `${METRICS.projectorCursor}{stream="SESSIONS"} ${first}\n`;
    await expect.poll(() => idle.metrics.render()).toContain(line);
    await idle.projector.stop();

    const last = await tell(await harness.host('a'), ...turn(31));
    const two = harness.project();
    await harness.rowWhere('a', (row) => row.lastSeq === last);
    expect(await counted(two.metrics, METRICS.projectorEvents)).toBe(9);
    expect(await refold()).toEqual(UNCHANGED);
  });

  it('goes on after the backbone was restarted, and counts that', async () => {
    const { metrics } = harness.project();
    const first = await story('a', 3);
    await harness.rowWhere('a', (row) => row.lastSeq === first);
    await harness.nats.kill9();
    await harness.nats.restart();
    const last = await tell(await harness.host('b'), started('after'));
    await harness.rowWhere('b', (row) => row.lastSeq === last);
    expect(await counted(metrics, METRICS.backboneReconnects)).toBe(1);
    await harness.projectors[0]?.stop();
    expect(await refold()).toEqual(UNCHANGED);
  });

  it('passes poison, counts it and folds what comes after it', async () => {
    const writer = await harness.host('a');
    const { metrics } = harness.project();
    const poison = { type: 'session_info_changed', at: 1, name: 7 } as unknown as SessionEvent;
    const last = await tell(writer, started('Pizza'), poison, { type: 'session_info_changed', at: 2, name: 'Calzone' });
    expect((await harness.rowWhere('a', (row) => row.lastSeq === last)).info.name).toBe('Calzone');
    expect(await counted(metrics, METRICS.projectorPoison)).toBe(1);
  });

  it('ignores and counts what a replaced host wrote late', async () => {
    const { metrics } = harness.project();
    const old = await harness.host('a');
    await tell(old, started('Pizza'));
    const next = await harness.host('a');
    const resumed = await tell(next, { type: 'session_resumed', at: 2, epoch: next.epoch });
    await harness.rowWhere('a', (row) => row.lastSeq === resumed);
    // With the log emptied nothing tells a writer that it is late: what it appends is for the readers to ignore.
    await purgeSession(harness.backbone, 'a');
    const late: SessionEvent = { type: 'session_info_changed', at: 3, name: 'Late' };
    // The first has the message id of an event that the server remembers and the log does not hold: it is sent again.
    await tell(await harness.writer('a', old.epoch), late, late);
    const last = await tell(next, { type: 'agent_start', at: 4 });
    expect(await harness.rowWhere('a', (row) => row.lastSeq === last)).toMatchObject({
      info: { name: 'Pizza' },
      count: 3,
    });
    expect(await counted(metrics, METRICS.projectorStale)).toBe(2);
  });

  it('deletes the rows of a session whose log was purged', async () => {
    const last = await story('a', 1);
    harness.project({ sweeper: { sweepMs: 50 } });
    await harness.rowWhere('a', (row) => row.lastSeq === last);
    await purgeSession(harness.backbone, 'a');
    await harness.rowGone('a');
    await expect.poll(() => harness.meta('a')).toBeUndefined();
    expect(await refold()).toEqual(UNCHANGED);
  });

  it('makes rows that somebody deleted anew from the log', async () => {
    const writer = await harness.host('a');
    harness.project();
    const first = await tell(writer, started('Pizza'), ...turn(1));
    await harness.rowWhere('a', (row) => row.lastSeq === first);
    await bucket(harness.backbone, 'sessions').delete(rowKey('a'));
    await bucket(harness.backbone, 'session-meta').delete('a');
    const last = await tell(writer, ...turn(2));
    expect(await harness.rowWhere('a', (row) => row.lastSeq === last)).toMatchObject({
      count: 19,
      info: { name: 'Pizza' },
    });
    expect((await harness.meta('a'))?.state.version).toBe(4);
  });

  it('folds a session from its start whose row nobody can read', async () => {
    const writer = await harness.host('a');
    await tell(writer, started('Pizza'), ...turn(1));
    const cursor = { identity: streamIdentity(harness.backbone), sessions: 5, runners: 0, rows: ROWS_FORM };
    await saveCursor(bucket<Cursor>(harness.backbone, 'projector'), cursor);
    await bucket(harness.backbone, 'sessions').put(rowKey('a'), { of: 'another version' });
    harness.project();
    const last = await tell(writer, ...turn(2));
    expect(await harness.rowWhere('a', (row) => row.lastSeq === last)).toMatchObject({
      count: 19,
      info: { name: 'Pizza' },
    });
  });

  it('keeps checkpoints from which the last n events are read without the rest', async () => {
    harness.project();
    const last = await story('a', 200);
    await story('b', 3);
    const row = await harness.rowWhere('a', (one) => one.lastSeq === last);
    const after = offsetBeforeLast(row, 100);
    let read = 0;
    for await (const events of replay(harness.backbone, 'a', { after })) read += events.length;
    expect(row.count).toBe(1801);
    expect(read).toBe(row.count - 1500);
  });
});

describe('the rows of an account', () => {
  const keys = async () => (await bucket(harness.backbone, 'sessions').keys()).sort();

  it('lie below it, and a row from before the grant moves there with the next event', async () => {
    harness.project();
    const early = await harness.writer('a', 0);
    const first = await tell(early, started('Pizza'), ...turn(1));
    await expect.poll(async () => (await harness.row('a'))?.lastSeq).toBe(first);
    expect(await keys()).toEqual(['_.a']);
    expect(await harness.recent()).toBeUndefined();
    const last = await tell(await harness.host('a'), ...turn(2));
    expect(await harness.rowWhere('a', (row) => row.lastSeq === last)).toMatchObject({ count: 19 });
    await expect.poll(keys).toEqual([rowKey('a')]);
    await expect.poll(() => harness.recent()).toHaveLength(1);
    await harness.projectors[0]?.stop();
    expect(await refold()).toEqual(UNCHANGED);
  });

  it('do not stay below an account when the session is deleted and granted to another', async () => {
    harness.project();
    const { backbone } = harness;
    const last = await story('a', 2);
    await story('b', 1);
    await harness.rowWhere('a', (row) => row.lastSeq === last);
    await harness.rowWhere('b', () => true);
    await expect.poll(async () => [...((await harness.recent())?.keys() ?? [])].sort()).toEqual(['a', 'b']);
    await purgeSession(backbone, 'a');
    await deleteSessionRows(backbone, 'a');
    await forgetOwner(backbone, 'a');
    expect([await keys(), [...(await harness.recent())!.keys()]]).toEqual([[rowKey('b')], ['b']]);
    const next = await tell(await harness.host('a', 'r2', 'other'), started('Calzone'));
    await expect.poll(async () => (await harness.row('a'))?.lastSeq).toBe(next);
    expect(await harness.row('a')).toMatchObject({ count: 1, info: { name: 'Calzone' } });
    expect([await keys(), [...(await harness.recent())!.keys()]]).toEqual([['other.a', rowKey('b')], ['b']]);
    expect([...(await harness.recent('other'))!.keys()]).toEqual(['a']);
  });

  it('lose one that lies below another account than the session belongs to', async () => {
    const last = await story('a', 1);
    harness.project({ sweeper: { sweepMs: 50 } });
    const row = await harness.rowWhere('a', (one) => one.lastSeq === last);
    await sessionRows(harness.backbone).put('other.a', row);
    await expect.poll(keys).toEqual([rowKey('a')]);
  });

  it('name the sessions that were active last, also after a rebuild, and fill that list again when it is short', async () => {
    harness.project();
    for (const sid of ['a', 'b', 'c']) await story(sid, 1);
    const sids = async () => [...((await harness.recent())?.keys() ?? [])].sort();
    await expect.poll(sids).toEqual(['a', 'b', 'c']);
    const live = await harness.recent();
    const { info } = (await harness.row('a'))!;
    expect(live?.get('a')).toBeLessThanOrEqual(info.lastActivityAt);
    const recents = recentSessionsRows(harness.backbone);
    await recents.delete('owner');
    await recents.put('nobody', { sessions: [] });
    await rebuilt();
    expect(await sids()).toEqual(['a', 'b', 'c']);
    expect(await recents.keys()).toEqual(['owner']);
    expect((await harness.recent())?.get('a')).toBe(info.lastActivityAt);
    await recents.put('owner', { sessions: [{ sessionId: 'gone', at: 1 }] });
    await story('d', 1);
    await expect.poll(sids).toEqual(['a', 'b', 'c', 'd', 'gone']);
  });

  it('are moved from keys of the first form when the projector starts, and the old ones are removed', async () => {
    const last = await story('a', 2);
    harness.project();
    const right = await harness.rowWhere('a', (row) => row.lastSeq === last);
    await harness.projectors[0]?.stop();
    // As an installation of an earlier version left it.
    const { backbone } = harness;
    const rows = bucket<SessionRow>(backbone, 'sessions');
    await rows.put('a', right);
    await rows.put('purged', right);
    await deleteSessionRows(backbone, 'a');
    const projector = bucket<Cursor>(backbone, 'projector');
    const { rows: form, ...cursor } = (await readCursor(projector))!;
    expect(form).toBe(ROWS_FORM);
    await projector.put('cursor', cursor);
    harness.project();
    expect(await harness.rowWhere('a', (row) => row.lastSeq === last)).toEqual(right);
    await expect.poll(keys).toEqual([rowKey('a')]);
    await expect.poll(() => readCursor(projector)).toMatchObject({ rows: ROWS_FORM });
    expect([...(await harness.recent())!.keys()]).toEqual(['a']);
    await harness.projectors[1]?.stop();
    // A projector of the earlier version ran again in between: its cursor has the form of the rows from before.
    await rows.put('a', { ...right, count: 1 });
    harness.project();
    await expect.poll(keys).toEqual([rowKey('a')]);
    expect(await harness.row('a')).toEqual(right);
  });
});

describe('a rebuild', () => {
  it('mends rows that are wrong, missing or of nothing, while rows that are right stay as they are', async () => {
    const ends = { a: await story('a', 4), b: await story('b', 4), c: await story('c', 4) };
    harness.project();
    await harness.rowWhere('c', (row) => row.lastSeq === ends.c);
    const right = (await harness.row('a'))!;
    const rows = bucket<SessionRow>(harness.backbone, 'sessions');
    const revision = (await rows.get(rowKey('c')))?.revision;
    await rows.put(rowKey('a'), { ...right, info: { ...right.info, name: 'wrong', messages: 99 } });
    await rows.put(rowKey('nobody'), right);
    await rows.delete(rowKey('b'));

    const done = await rebuilt();
    expect(done).toEqual({ changed: 2, removed: 1 });
    expect(await harness.row('a')).toEqual(right);
    expect((await harness.row('b'))?.lastSeq).toBe(ends.b);
    expect(await rows.get(rowKey('nobody'))).toBeUndefined();
    expect((await rows.get(rowKey('c')))?.revision).toBe(revision);
  });

  it('loses nothing that is appended meanwhile, and every row seen is a whole fold that never goes back', async () => {
    harness.project();
    const writer = await harness.host('a');
    await tell(writer, started('Pizza'));
    const seen: SessionRow[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const change of bucket<SessionRow>(harness.backbone, 'sessions').watch({ signal: stop.signal })) {
        if (change.kind === 'value') seen.push(change.value);
      }
    })();
    const appending = (async () => {
      let last = 0;
      for (let index = 0; index < 100; index++) last = await tell(writer, ...turn(index));
      return last;
    })();
    await rebuilt();
    await rebuilt();
    const last = await appending;
    await harness.rowWhere('a', (row) => row.lastSeq === last);
    stop.abort();
    await watching;
    const offsets = seen.map((row) => row.lastSeq);
    expect(offsets).toEqual([...offsets].sort((one, other) => one - other));
    // Nobody else writes here, so that the n-th event lies at the n-th offset.
    expect(seen.filter((row) => row.count !== row.lastSeq)).toEqual([]);
    await harness.projectors[0]?.stop();
    expect(await refold()).toEqual(UNCHANGED);
  });

  it('happens by itself when the rows are of another log', async () => {
    const last = await story('a', 2);
    const head = await streamHead(harness.backbone, SESSIONS_STREAM);
    const cursor: Cursor = { identity: 'of another log', sessions: head + 1000, runners: 0, rows: ROWS_FORM };
    await saveCursor(bucket<Cursor>(harness.backbone, 'projector'), cursor);
    const metas = bucket<SessionMetaRow>(harness.backbone, 'session-meta');
    await metas.put('other', { state: {} as SessionMetaRow['state'], lastSeq: head + 900 });
    harness.project();
    await harness.rowWhere('a', (row) => row.lastSeq === last);
    const after = await tell(await harness.host('b'), started('b'));
    await harness.rowWhere('b', (row) => row.lastSeq === after);
    expect(await metas.get('other')).toBeUndefined();
  });
});

/** Asks the active projector for a rebuild and waits for it. */
async function rebuilt(): Promise<SwapResult | undefined> {
  const id = await askForRebuild(harness.backbone);
  const stop = new AbortController();
  for await (const request of watchRequest(harness.backbone, stop.signal)) {
    if (request.id !== id || request.state !== 'done') continue;
    stop.abort();
    return request.result;
  }
  throw new Error('the watch ended');
}
