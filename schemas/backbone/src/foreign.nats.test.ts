import { decode, HEADER, encode, subjects, type Command } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCommands } from './commands.js';
import { internals } from './connection.js';
import { consumeStream } from './consume.js';
import { holdLease, readLease } from './lease.js';
import { watchLeases } from './leaseWatch.js';
import { writeHeaders } from './message.js';
import { sendCommand } from './publish.js';
import { provision } from './provision.js';
import { lastEvent } from './lastEvent.js';
import { numbered, numberOf, startScenario, Watched, type BackboneScenario } from './scenario.js';
import { COMMANDS_STREAM, SESSIONS_STREAM } from './streams.js';
import { tail } from './tail.js';

/**
 * A client may name any subject for its replies, and the server publishes them there whether or not the client might.
 * These are the ways in which somebody who may only write to a session of their own reaches for another's.
 */
let s: BackboneScenario;
beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());

const MINE = subjects.sessionEvents('mine');

/** Stores a message of one's own that looks like one of the victim's, and has the server send a copy to `target`. */
async function copyTo(target: string, fields: [string, string | number][], payload: Uint8Array): Promise<void> {
  const { nc, publisher } = internals(s.b);
  await publisher.publish(MINE, payload, writeHeaders(fields));
  nc.publish(`$JS.API.DIRECT.GET.SESSIONS.${MINE}`, '', { reply: target });
  await nc.flush();
}

/** Has the server acknowledge a message of one's own on `target`. */
async function acknowledgeOn(target: string): Promise<void> {
  const { nc } = internals(s.b);
  nc.publish(MINE, encode(numbered(0)), { reply: target });
  await nc.flush();
}

/** How many messages lie on a subject, whoever wrote them. */
async function countOn(subject: string, stream = SESSIONS_STREAM): Promise<number> {
  const { state } = await internals(s.b).jsm.streams.info(stream, { subjects_filter: subject });
  return state.subjects?.[subject] ?? 0;
}

/** Resolves when so many messages lie on a subject. */
const untilStored = (subject: string, count: number, stream?: string): Promise<void> =>
  expect.poll(() => countOn(subject, stream)).toBe(count);

describe('what the server sends to a foreign session for somebody else', () => {
  it('is stored there, and passed over by everyone who reads; its writer goes on', async () => {
    const sid = 'victim';
    const subject = subjects.sessionEvents(sid);
    const { counters } = internals(s.b);
    const writer = await s.writer(sid, 1);
    const seen = new Watched<unknown>();
    const live = await tail(s.b, sid, { after: 0, onEvents: (batch) => seen.push(...batch.map(numberOf)) });
    await writer.append(numbered(1));
    await seen.until((items) => items.length === 1);

    const before = counters.foreignMessages;
    // No message id of the victim's: the server would take the copy for a duplicate of the original.
    await copyTo(
      subject,
      [
        [HEADER.type, 'note'],
        [HEADER.epoch, 999],
        [HEADER.n, 1],
      ],
      encode(numbered(666)),
    );
    await untilStored(subject, 2);
    expect((await lastEvent(s.b, sid))?.n).toBe(1);
    // The epoch of the copy is higher: a writer that believed it would stop as one that was replaced.
    expect(await writer.append(numbered(2))).toMatchObject({ kind: 'appended', n: 2 });
    await acknowledgeOn(subject);
    await untilStored(subject, 4);
    expect(await writer.append(numbered(3))).toMatchObject({ kind: 'appended', n: 3 });
    expect(await seen.until((items) => items.length >= 3)).toEqual([1, 2, 3]);
    expect((await s.stored(sid)).map(numberOf)).toEqual([1, 2, 3]);
    const consumed = new Watched<unknown>();
    const stop = new AbortController();
    const reading = consumeStream(s.b, SESSIONS_STREAM, {
      after: 0,
      filter: subject,
      signal: stop.signal,
      onBatch: (batch) => consumed.push(...batch.map(numberOf)),
    });
    expect(await consumed.until((items) => items.length >= 3)).toEqual([1, 2, 3]);
    stop.abort();
    await reading;
    expect(counters.foreignMessages - before).toBeGreaterThanOrEqual(6);
    await live.stop();
    await writer.close();
  });

  it('is not taken for an event with the victim’s own message id either, when a copy carries one', async () => {
    const sid = 'copied';
    const fields: [string, string | number][] = [
      [HEADER.msgId, `${sid}.1.1`],
      [HEADER.epoch, 999],
    ];
    const { nc, jsm } = internals(s.b);
    await copyTo('nowhere', fields, encode(numbered(666)));
    // The server takes a copy for a duplicate until it has removed the id of the original. It removes old ids when the window
    // changes, and may do so by the window from before: then the next change does.
    let window = 100e6;
    const copied = async (): Promise<number> => {
      await jsm.streams.update(SESSIONS_STREAM, { duplicate_window: window++ });
      nc.publish(`$JS.API.DIRECT.GET.SESSIONS.${MINE}`, '', { reply: subjects.sessionEvents(sid) });
      return countOn(subjects.sessionEvents(sid));
    };
    await expect.poll(copied).toBeGreaterThan(0);
    expect(await s.stored(sid)).toEqual([]);
    // Whoever comes next needs a server that remembers.
    await provision(s.b);
  });

  it('does not make an event disappear whose message id somebody else has used first', async () => {
    const sid = 'poisoned';
    const { publisher } = internals(s.b);
    const use = (n: number) =>
      publisher.publish(MINE, encode(numbered(666)), writeHeaders([[HEADER.msgId, `${sid}.1.${n}`]]));
    await use(2);
    const writer = await s.writer(sid, 1);
    expect(await writer.append(numbered(1))).toMatchObject({ kind: 'appended' });
    await use(3);
    expect(await writer.append(numbered(2))).toMatchObject({ kind: 'appended' });
    expect(await writer.append(numbered(3))).toMatchObject({ kind: 'appended' });
    expect(await writer.append(numbered(4))).toMatchObject({ kind: 'appended' });
    expect((await s.stored(sid)).map(numberOf)).toEqual([1, 2, 3, 4]);
    await writer.close();
  });

  it('shows nothing to who follows it live, and moves nobody’s position', async () => {
    const sid = 'watched';
    const writer = await s.writer(sid, 1);
    const seen = new Watched<unknown>();
    const pieces = new Watched<unknown>();
    const live = await tail(s.b, sid, {
      after: 0,
      onEvents: (batch) => seen.push(...batch.map(numberOf)),
      onDelta: (bytes) => pieces.push(decode(bytes)),
    });
    await writer.append(numbered(1));
    await seen.until((items) => items.length === 1);
    const { position } = live;
    const { counters } = internals(s.b);
    const before = counters.foreignMessages;
    const fields: [string, string | number][] = [
      [HEADER.msgId, `${sid}.1.9`],
      [HEADER.epoch, 1],
      ['Nats-Subject', subjects.sessionEvents(sid)],
      ['Nats-Last-Sequence', position],
    ];
    await copyTo(subjects.liveSessionEvents(sid), fields, encode(numbered(666)));
    await copyTo(subjects.sessionDeltas(sid), [], encode({ n: 1, type: 'text_delta', text: 'forged' }));
    await acknowledgeOn(subjects.sessionDeltas(sid));
    // All three have come, and were passed over.
    await expect.poll(() => counters.foreignMessages - before).toBe(3);
    expect(live.position).toBe(position);
    const n = writer.publishDelta({ type: 'text_delta', at: 0, messageId: 'm', index: 0, text: 'real' });
    expect(await pieces.until((items) => items.length >= 1)).toMatchObject([{ n, text: 'real' }]);
    await writer.append(numbered(2));
    expect(await seen.until((items) => items.length >= 2)).toEqual([1, 2]);
    await live.stop();
    await writer.close();
  });
});

describe('a command that the server sends for somebody else', () => {
  const command = (commandId: string): Command => ({
    commandId,
    name: 'abort',
    sessionId: 's',
    args: {},
    by: { userId: 'u', via: 'owner' },
    at: 0,
    expiresAt: 1,
  });

  it('is not carried out, forged or meant for another runner', async () => {
    const subject = subjects.runnerCommands('robbed');
    await copyTo(subject, [[HEADER.msgId, 'robbed.forged']], encode(command('forged')));
    await untilStored(subject, 1, COMMANDS_STREAM);
    await acknowledgeOn(subject);
    await untilStored(subject, 2, COMMANDS_STREAM);
    await sendCommand(s.b, 'robbed', command('real'));
    const seen = new Watched<string>();
    const stop = new AbortController();
    const reading = readCommands(s.b, 'robbed', {
      after: 0,
      signal: stop.signal,
      onCommand: ({ commandId }) => seen.push(commandId),
      onPoison: () => seen.push('poison'),
    });
    expect(await seen.until((items) => items.length >= 1)).toEqual(['real']);
    stop.abort();
    await reading;
  });
});

describe('a lease in which its host wrote nonsense', () => {
  it('is one of epoch 0, and ends nobody who watches all of them', async () => {
    const { publisher } = internals(s.b);
    const seen = new Watched<string>();
    const stop = new AbortController();
    const watching = (async () => {
      for await (const change of watchLeases(s.b, 'session.', stop.signal))
        if (change.kind === 'held') seen.push(`${change.key} ${change.epoch}`);
    })();
    const ttl = writeHeaders([['Nats-TTL', '60s']]);
    await publisher.publish('$KV.leases.session.odd', new Uint8Array([0xc1]), ttl);
    await publisher.publish('$KV.leases.session.even', encode({ epoch: 'x', at: [] }), ttl);
    await publisher.publish('$KV.leases.session.good', encode({ epoch: 3, at: 1 }), ttl);
    const all = await seen.until((items) => items.includes('session.good 3'));
    expect(all).toEqual(['session.odd 0', 'session.even 0', 'session.good 3']);
    stop.abort();
    await watching;
  });
});

describe('a lease that is written over by a reply', () => {
  it('is nobody’s for the moment, and comes back with the next renewal of who held it', async () => {
    const outcome = await holdLease(s.b, 'session.leased', { epoch: 7, ttlMs: 2_000, renewMs: 200 });
    if (outcome.kind !== 'held') throw new Error('taken');
    await copyTo('$KV.leases.session.leased', [], encode({ epoch: 999, at: 1 }));
    expect((await readLease(s.b, 'session.leased'))?.epoch ?? 7).toBe(7);
    await expect.poll(async () => (await readLease(s.b, 'session.leased'))?.epoch).toBe(7);
    await acknowledgeOn('$KV.leases.session.leased');
    await expect.poll(async () => (await readLease(s.b, 'session.leased'))?.epoch).toBe(7);
    await outcome.lease.release();
  });
});
