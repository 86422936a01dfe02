import { CONTENT_TYPE, encode, eventMessageId, HEADER, subjects } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { internals } from './connection.js';
import { follow } from './follow.js';
import { writeHeaders } from './message.js';
import { purgeSession } from './provision.js';
import { headOf, LONG_REPLAY, replay, REPLAY_BATCH } from './replay.js';
import { collect, numbered, numberOf, startScenario, upTo, Watched, type BackboneScenario } from './scenario.js';
import { SESSIONS_STREAM } from './streams.js';

let s: BackboneScenario;
beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());

/** Puts events straight into the log, without a writer: many at a time, of any epoch. */
async function put(sid: string, count: number, { epoch = 1, from = 0 } = {}): Promise<void> {
  const { publisher } = internals(s.b);
  await Promise.all(
    upTo(count).map((i) =>
      publisher.publish(
        subjects.sessionEvents(sid),
        encode(numbered(from + i)),
        writeHeaders([
          [HEADER.msgId, eventMessageId(sid, epoch, from + i + 1)],
          [HEADER.type, 'note'],
          [HEADER.epoch, epoch],
          [HEADER.n, from + i + 1],
          [HEADER.contentType, CONTENT_TYPE],
        ]),
      ),
    ),
  );
}

test('a session is replayed in batches, whole and in order, out of a stream with many others', async () => {
  for (let round = 0; round < 6; round++) {
    await put('mine', 100, { from: round * 100 });
    await Promise.all([put(`other${round}`, 50), put('neighbour', 150, { from: round * 150 })]);
  }
  const batches = await collect(replay(s.b, 'mine'));
  expect(batches.flat().map(numberOf)).toEqual(upTo(600));
  expect(batches.every(({ length }) => length <= REPLAY_BATCH)).toBe(true);
  const seqs = batches.flat().map(({ seq }) => seq);
  expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
  expect(await headOf(s.b, 'mine')).toEqual({ first: seqs[0], last: seqs.at(-1) });
  const part = await collect(replay(s.b, 'mine', { after: seqs[99]!, upTo: seqs[299]! }));
  expect(part.flat().map(numberOf)).toEqual(upTo(300).slice(100));
  expect(await collect(replay(s.b, 'mine', { after: seqs.at(-1)! }))).toEqual([]);
});

test('the payload is what was stored, byte for byte', async () => {
  await put('bytes', 1);
  const [event] = await s.stored('bytes');
  expect(Buffer.from(event!.payload).equals(Buffer.from(encode(numbered(0))))).toBe(true);
});

test('a session that was never written has no events and no head', async () => {
  expect(await s.stored('nobody')).toEqual([]);
  expect(await headOf(s.b, 'nobody')).toEqual({ first: 0, last: 0 });
});

test('a long session is replayed through a consumer, also in part, and also when the reader stops early', async () => {
  const count = LONG_REPLAY + 3 * REPLAY_BATCH;
  for (let from = 0; from < count; from += 1000) await put('long', Math.min(1000, count - from), { from });
  const events = (await collect(replay(s.b, 'long'))).flat();
  expect(events.map(numberOf)).toEqual(upTo(count));
  const end = events[count - 10]!.seq;
  expect((await collect(replay(s.b, 'long', { upTo: end }))).flat()).toHaveLength(count - 9);
  let seen = 0;
  for await (const batch of replay(s.b, 'long')) if ((seen += batch.length) > 1_000) break;
  const consumers = async () => (await internals(s.b).jsm.streams.info(SESSIONS_STREAM)).state.consumer_count;
  await expect.poll(consumers).toBe(0);
});

test('events of a host that was replaced are passed over and counted', async () => {
  await put('stale', 2, { epoch: 4 });
  await put('stale', 3, { epoch: 2, from: 10 });
  await put('stale', 1, { epoch: 5, from: 20 });
  const before = s.b.counters.staleEpochEvents;
  expect((await s.stored('stale')).map(numberOf)).toEqual([0, 1, 20]);
  expect(s.b.counters.staleEpochEvents - before).toBe(3);
});

test('an abort ends a replay', async () => {
  const stop = new AbortController();
  let seen = 0;
  for await (const batch of replay(s.b, 'long', { signal: stop.signal })) {
    seen += batch.length;
    stop.abort();
  }
  expect(seen).toBeLessThanOrEqual(2 * REPLAY_BATCH);
});

test('a replay that loses its server goes on where it was', async () => {
  const seen: unknown[] = [];
  let restarted: Promise<void> | undefined;
  for await (const batch of replay(s.b, 'long')) {
    seen.push(...batch.map(numberOf));
    restarted ??= s.nats.kill9().then(() => s.nats.restart());
  }
  await restarted;
  expect(seen).toEqual(upTo(LONG_REPLAY + 3 * REPLAY_BATCH));
});

test('a purged session begins anew for its readers', async () => {
  await put('gone', 3);
  await purgeSession(s.b, 'gone');
  expect(await s.stored('gone')).toEqual([]);
  await put('gone', 1, { from: 9 });
  expect((await s.stored('gone')).map(numberOf)).toEqual([9]);
});

test('a follower that joins while a session is being written sees each event once, in order, and knows when it is live', async () => {
  const w = await s.writer('busy', 1);
  const written = (async () => {
    for (const i of upTo(3_000)) await w.append(numbered(i));
  })();
  const followers = await Promise.all(
    upTo(5).map(async (k) => {
      const seen = new Watched<unknown>();
      await new Promise((resolve) => setTimeout(resolve, k * 20));
      let liveAt = -1;
      const live = await follow(
        s.b,
        'busy',
        {},
        {
          onEvents: (batch) => seen.push(...batch.map(numberOf)),
          onLive: (position) => (liveAt = position),
        },
      );
      return { seen, live, liveAt };
    }),
  );
  await written;
  for (const { seen, live, liveAt } of followers) {
    expect(await seen.until((items) => items.length >= 3_000)).toEqual(upTo(3_000));
    expect(liveAt).toBeGreaterThanOrEqual(0);
    await live.stop();
  }
  await w.close();
});
