import { decode, encode, subjects } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { internals, type Backbone } from './connection.js';
import { headers } from '@nats-io/nats-core';
import { provision } from './provision.js';
import { numbered, numberOf, startScenario, upTo, Watched, type BackboneScenario } from './scenario.js';
import { SESSIONS_STREAM } from './streams.js';
import { tail } from './tail.js';

let s: BackboneScenario;
beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());

async function watch(sid: string, after = 0, b: Backbone = s.b) {
  const seen = new Watched<unknown>();
  const deltas = new Watched<unknown>();
  const resets = new Watched<true>();
  const live = await tail(b, sid, {
    after,
    onEvents: (batch) => seen.push(...batch.map(numberOf)),
    onDelta: (bytes) => deltas.push(decode(bytes)),
    onReset: () => resets.push(true),
  });
  return { seen, deltas, resets, live };
}

/** Takes the live subscription of a tail away without its knowing: what is published meanwhile is lost to it. */
function deafen(b: Backbone, sid: string): () => void {
  const { nc } = internals(b);
  const subs = (nc as unknown as { protocol: { subscriptions: { all(): { subject: string; callback: unknown }[] } } })
    .protocol.subscriptions;
  const sub = subs.all().find(({ subject }) => subject === subjects.liveSessionEvents(sid))!;
  const { callback } = sub;
  sub.callback = () => undefined;
  return () => (sub.callback = callback);
}

test('a tail brings what was stored after its offset, then what comes, and pieces', async () => {
  const w = await s.writer('plain', 1);
  for (const i of upTo(3)) await w.append(numbered(i));
  const first = (await s.stored('plain'))[0]!.seq;
  const { seen, deltas, live } = await watch('plain', first);
  expect(seen.items).toEqual([1, 2]);
  await w.append(numbered(3));
  const n = w.publishDelta({ type: 'text_delta', at: 0, messageId: 'm', index: 0, text: 'hi' });
  expect(await seen.until((items) => items.length === 3)).toEqual([1, 2, 3]);
  expect(await deltas.until((items) => items.length === 1)).toMatchObject([{ n, text: 'hi' }]);
  await live.stop();
  await w.append(numbered(4));
  await internals(s.b).nc.flush();
  expect(seen.items).toEqual([1, 2, 3]);
  await w.close();
});

test('a lost live event shows by the next one and is fetched', async () => {
  const w = await s.writer('hole', 1);
  const { seen, live } = await watch('hole');
  await w.append(numbered(0));
  await seen.until((items) => items.length === 1);
  // Also who asks after silence may find it, before the next event shows it.
  const before = s.b.counters.gapsFilled;
  const hear = deafen(s.b, 'hole');
  for (const i of [1, 2, 3]) await w.append(numbered(i));
  await internals(s.b).nc.flush();
  hear();
  for (const i of [4, 5, 6, 7]) await w.append(numbered(i));
  expect(await seen.until((items) => items.length >= 8)).toEqual(upTo(8));
  expect(s.b.counters.gapsFilled).toBeGreaterThan(before);
  await live.stop();
  await w.close();
});

test('a lost last event is found by asking, although nothing follows it', async () => {
  const w = await s.writer('last', 1);
  const { seen, live } = await watch('last');
  const hear = deafen(s.b, 'last');
  await w.append(numbered(0));
  await internals(s.b).nc.flush();
  hear();
  expect(await seen.until((items) => items.length === 1)).toEqual([0]);
  await live.stop();
  await w.close();
});

test('a publisher cannot make an event look like one of another offset', async () => {
  const { nc } = internals(s.b);
  const { seen, live } = await watch('forged');
  for (const i of [0, 1]) {
    const forged = headers();
    forged.set('Nats-Msg-Id', `forged.0.${i}`);
    forged.set('Nats-Sequence', '999999');
    forged.set('Nats-Last-Sequence', '999998');
    nc.publish(subjects.sessionEvents('forged'), encode(numbered(i)), { headers: forged });
  }
  await seen.until((items) => items.length === 2);
  expect(live.position).toBeLessThan(999_999);
  expect((await s.stored('forged')).at(-1)!.seq).toBe(live.position);
  await live.stop();
});

test('a tail and its writer survive a server that is killed and comes back', async () => {
  const w = await s.writer('restart', 1);
  const { seen, live } = await watch('restart');
  for (const i of upTo(50)) await w.append(numbered(i));
  await s.nats.kill9();
  for (const i of upTo(50)) await w.append(numbered(50 + i));
  await s.nats.restart();
  for (const i of upTo(50)) await w.append(numbered(100 + i));
  expect(await seen.until((items) => items.length >= 150)).toEqual(upTo(150));
  await live.stop();
  await w.close();
});

test('a log that was replaced by another is announced, and the tail stops', async () => {
  const w = await s.writer('reset', 1);
  await w.append(numbered(0));
  const { seen, resets } = await watch('reset');
  await internals(s.b).jsm.streams.delete(SESSIONS_STREAM);
  await provision(await s.connect());
  await s.nats.restart();
  await resets.until((items) => items.length === 1);
  expect(seen.items).toEqual([0]);
  await w.discard();
});
