import { headers as newHeaders } from '@nats-io/nats-core';
import { PubHeaders, type JsMsg } from '@nats-io/jetstream';
import { encode, subjects } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { internals } from './connection.js';
import { consumeDurably } from './durableConsumer.js';
import { lastingHeaders, LogProof } from './logProof.js';
import { migratePartitions, type MigrationOutcome } from './migratePartitions.js';
import { header, StoredMessage } from './message.js';
import { readPartitions } from './partitions.js';
import { provision, refreshIdentity, streamIdentity, verifyProvisioned } from './provision.js';
import { headOf, replay, type StoredEvent } from './replay.js';
import { holdLease } from './lease.js';
import { collect, numbered, numberOf, startScenario, upTo, type BackboneScenario } from './scenario.js';
import { replaceSpool, spoolPath } from './spool.js';
import { SESSIONS_STREAM, sessionStreams } from './streams.js';

const sids = Array.from({ length: 9 }, (_, i) => `session-${i}`);
const FOREIGN = subjects.sessionEvents('session-3');
let s: BackboneScenario;
beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());

/** What an event is, apart from its offset and when it was stored. */
const told = ({ type, epoch, n, msgId, payload }: StoredEvent) => ({ type, epoch, n, msgId, payload: [...payload] });

/** Every genuine event of every session. */
async function logs(): Promise<Record<string, ReturnType<typeof told>[]>> {
  const all = await Promise.all(
    sids.map(async (sid) => [sid, (await collect(replay(s.b, sid))).flat().map(told)] as const),
  );
  return Object.fromEntries(all);
}

const moved = (outcome: MigrationOutcome) => {
  if (outcome.kind !== 'moved') throw new Error(outcome.kind);
  expect(outcome.after).toEqual(outcome.before);
  return outcome;
};

/** Publishes what no writer of ours would. */
async function publishRaw(fields: Record<string, string>, subject = FOREIGN): Promise<void> {
  const all = newHeaders();
  for (const [name, value] of Object.entries(fields)) all.set(name, value);
  await internals(s.b).nc.request(subject, encode({ type: 'x' }), { headers: all, timeout: 3_000 });
}

describe('a move to another number of partitions', () => {
  it('and back keeps every event, its order, epoch, number, id and headers, and each durable reader’s position', async () => {
    const { jsm, nc } = internals(s.b);
    for (const epoch of [1, 2]) {
      const writers = await Promise.all(sids.map((sid) => s.writer(sid, epoch)));
      for (const i of upTo(40)) await Promise.all(writers.map((writer) => writer.append(numbered(i))));
      await Promise.all(writers.map((writer) => writer.close()));
    }
    // A hostile host tells the server what to do with a copy, and uses an id again once the server has forgotten it.
    let window = 100e6;
    const heard: string[] = [];
    const spy = nc.subscribe('spied.>', { callback: (_err, { subject }) => void heard.push(subject) });
    await publishRaw({ 'Nats-Msg-Id': 'session-3.2.999', 'Nats-Expected-Stream': 'SESSIONS', 'Pizzapi-Epoch': '2' });
    await expect
      .poll(async () => {
        // The server removes old ids when the window changes. It may do so by the window from before: then the next change does.
        await jsm.streams.update(SESSIONS_STREAM, { duplicate_window: window++ });
        await publishRaw({ 'Nats-Msg-Id': 'session-3.2.999', 'Pizzapi-Epoch': '2' });
        return (await headOf(s.b, 'session-3')).last;
      })
      .toBeGreaterThan((await headOf(s.b, 'session-3')).last);
    await publishRaw({ 'Nats-Trace-Dest': 'spied.copy', 'Nats-Batch-Id': 'b', 'Nats-Subject': 'session.other.events' });
    await publishRaw({});
    await nc.flush();
    const heardBefore = heard.length;
    await provision(s.b);
    const before = await logs();
    const identities = new Set([streamIdentity(s.b)]);
    const { last_seq } = (await jsm.streams.info(SESSIONS_STREAM)).state;

    // Two readers that have read a part.
    for (const [name, count] of [
      ['orchestrator', 100],
      ['notifier', 300],
    ] as const) {
      await jsm.consumers.add(SESSIONS_STREAM, { durable_name: name, ack_policy: 'all', deliver_policy: 'all' });
      const consumer = await jsm.jetstream().consumers.get(SESSIONS_STREAM, name);
      const messages = await consumer.fetch({ max_messages: count });
      let last: JsMsg | undefined;
      for await (const message of messages) last = message;
      await last?.ackAck();
    }

    let highest = last_seq;
    let from = 1;
    for (const to of [4, 2, 1]) {
      const outcome = moved(await migratePartitions(s.b, { to }));
      expect(outcome).toMatchObject({ from, to, foreign: 0, kept: [], before: { sessions: sids.length } });
      for (const name of sessionStreams(from)) expect(await jsm.streams.info(name).catch(() => 'gone')).toBe('gone');
      expect(await logs()).toEqual(before);
      identities.add(streamIdentity(s.b));
      // No offset of the old log could be taken for one of the new log.
      for (const sid of sids) expect((await headOf(s.b, sid)).first).toBeGreaterThan(highest);
      highest = Math.max(...(await Promise.all(sids.map(async (sid) => (await headOf(s.b, sid)).last))));
      from = to;
    }
    expect(identities.size).toBe(4);
    expect(heard.length).toBe(heardBefore);
    spy.unsubscribe();
    expect(await readPartitions(s.b)).toEqual({ partitions: 1 });
    await verifyProvisioned(s.b);
    expect((await jsm.streams.info(SESSIONS_STREAM)).config.subjects).toEqual(['session.*.events']);

    // Each reader continues behind what it had read: at the oldest event that it had not.
    const left = async (name: string) => (await jsm.consumers.info(SESSIONS_STREAM, name)).num_pending;
    const all = (await jsm.streams.info(SESSIONS_STREAM)).state.messages;
    expect(await left('orchestrator')).toBe(all - 100);
    expect(await left('notifier')).toBe(all - 300);
    const stop = new AbortController();
    const seen: unknown[] = [];
    await consumeDurably(s.b, SESSIONS_STREAM, {
      ...{ name: 'notifier', types: ['note'], signal: stop.signal },
      onEvent: (record) => {
        seen.push(record.subject);
        if (seen.length === all - 300 - 4) stop.abort();
        return Promise.resolve();
      },
    });
  });

  it('leaves no trace of an event that a host had stored before and sends again', async () => {
    const writer = await s.writer('session-1', 3);
    const acknowledged = await writer.append(numbered(100));
    await writer.append(numbered(101));
    await writer.close();
    // As the host had it when it died before the second answer.
    const ackedSeq = acknowledged.kind === 'appended' ? acknowledged.seq : 0;
    const record = { n: 2, type: 'note', payload: encode(numbered(101)) };
    replaceSpool(spoolPath(s.spoolDir, 'session-1'), { epoch: 3, ackedN: 1, ackedSeq }, [record]);
    moved(await migratePartitions(s.b, { to: 2 }));
    moved(await migratePartitions(s.b, { to: 1 }));
    // The event waits on the disk of the host, under an epoch that is over, with offsets of the first log.
    const next = await s.writer('session-1', 4);
    await next.append(numbered(102));
    await next.close();
    const notes = (await s.stored('session-1')).filter(({ type }) => type === 'note');
    expect(notes.slice(-3).map(numberOf)).toEqual([100, 101, 102]);
  });

  it('continues where it was interrupted, refuses events meanwhile, and can be given up', async () => {
    const before = await logs();
    const stop = new AbortController();
    const interrupted = migratePartitions(s.b, { to: 3, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(interrupted).rejects.toThrow();
    await expect(verifyProvisioned(await s.connect())).rejects.toMatchObject({ code: 'partitions_moving' });
    await expect(migratePartitions(s.b, { to: 5 })).rejects.toMatchObject({ code: 'partitions_moving' });
    const writer = await s.writer('session-2', 9);
    expect(await writer.append(numbered(7))).toMatchObject({ kind: 'spooled' });
    await writer.close();
    expect(await migratePartitions(s.b, { to: 1 })).toEqual({ kind: 'cancelled', partitions: 1 });
    await verifyProvisioned(s.b);
    expect(await logs()).toEqual(before);

    await expect(
      migratePartitions(s.b, { to: 3, signal: AbortSignal.abort(), onProgress: () => undefined }),
    ).rejects.toThrow();
    moved(await migratePartitions(s.b, { to: 3, keep: true }));
    expect(await logs()).toEqual(before);
    // The old stream is still there, and stores nothing more.
    expect((await internals(s.b).jsm.streams.info(SESSIONS_STREAM)).config.max_msg_size).toBe(1);
    moved(await migratePartitions(s.b, { to: 1 }));
    expect(await logs()).toEqual(before);
    expect(await migratePartitions(s.b, { to: 1 })).toEqual({ kind: 'unchanged', partitions: 1 });
    await refreshIdentity(s.b);
  });

  it('is refused while a projector holds its lease', async () => {
    const lease = await holdLease(s.b, 'projector', { epoch: 1 });
    await expect(migratePartitions(s.b, { to: 2 })).rejects.toMatchObject({ code: 'services_running' });
    if (lease.kind === 'held') await lease.lease.release();
  });
});

describe('the proof of a copy', () => {
  const message = (i: number, text = `NATS/1.0\r\nNats-Msg-Id: a.1.${i}\r\n\r\n`, subject = 'session.a.events') =>
    new StoredMessage({ seq: i, prevSeq: 0, payload: encode({ i }), text, subject, at: i });
  const proofOf = (...messages: StoredMessage[]) => {
    const proof = new LogProof();
    for (const each of messages) proof.add(each);
    return proof;
  };

  it('differs when a message is missing, doubled, changed, in another order, or of another session', () => {
    const good = proofOf(message(1), message(2), message(3));
    expect(good.differsAt(proofOf(message(1), message(2), message(3)))).toBeUndefined();
    for (const other of [
      proofOf(message(1), message(2)),
      proofOf(message(1), message(2), message(3), message(3)),
      proofOf(message(1), message(3), message(2)),
      proofOf(message(1), message(2), message(4)),
      proofOf(message(1), message(2), message(3, 'NATS/1.0\r\nNats-Msg-Id: a.2.3\r\n\r\n')),
      proofOf(message(1), message(2), message(3, undefined, 'session.b.events')),
    ]) {
      expect(good.differsAt(other)).toBeDefined();
      expect(good.summary.digest).not.toBe(other.summary.digest);
    }
  });

  it('leaves out what a header told the server when it stored the message, and nothing else', () => {
    const lines = [
      'Nats-Msg-Id: a.1.1',
      'Nats-Expected-Last-Subject-Sequence: 4',
      'Nats-Trace-Dest: x',
      'Nats-Subject: session.b.events',
      'Pizzapi-N: 1',
      'odd',
    ];
    const text = ['NATS/1.0', ...lines, '', ''].join('\r\n');
    expect(lastingHeaders(text)).toEqual([lines[0], lines[3], lines[4], lines[5]]);
    expect(header(text, PubHeaders.MsgIdHdr)).toBe('a.1.1');
  });
});
