import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { decode, eventMessageId, type Command } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { internals } from './connection.js';
import { provision, purgeSession } from './provision.js';
import { sendCommand } from './publish.js';
import { numbered, numberOf, startScenario, upTo, Watched, type BackboneScenario } from './scenario.js';
import { spoolPath } from './spool.js';
import type { AppendOutcome, SpoolState } from './sessionWriter.js';
import { openWriter } from './writer.js';

let s: BackboneScenario;
beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());

const numbers = async (sid: string): Promise<unknown[]> => (await s.stored(sid)).map(numberOf);

test('events are appended in the order of the calls, numbered from 1, with their headers', async () => {
  const w = await s.writer('order', 3);
  const outcomes = await Promise.all(upTo(5).map((i) => w.append(numbered(i))));
  expect(outcomes.map(({ kind }) => kind)).toEqual(Array(5).fill('appended'));
  const events = await s.stored('order');
  expect(events.map(numberOf)).toEqual(upTo(5));
  expect(events.map(({ n, epoch, type, msgId }) => ({ n, epoch, type, msgId }))).toEqual(
    upTo(5).map((i) => ({ n: i + 1, epoch: 3, type: 'note', msgId: eventMessageId('order', 3, i + 1) })),
  );
  expect(Math.abs(events[0]!.at - Date.now())).toBeLessThan(60_000);
  await w.close();
});

test('a writer of a lower epoch is fenced by the first event of a higher one and learns whose', async () => {
  const old = await s.writer('fence', 1);
  await old.append(numbered(0));
  const spoolDir = await mkdtemp(join(s.spoolDir, 'host-'));
  const fresh = await openWriter(s.b, { sid: 'fence', epoch: 2, spoolDir });
  await fresh.append(numbered(1));
  const by = new Promise((resolve) => old.onFenced(resolve));
  expect(await old.append(numbered(2))).toEqual({ kind: 'fenced', epoch: 2 });
  expect(await by).toBe(2);
  expect(await old.append(numbered(3))).toEqual({ kind: 'fenced', epoch: 2 });
  expect(await fresh.append(numbered(4))).toMatchObject({ kind: 'appended', n: 2 });
  expect(await numbers('fence')).toEqual([0, 1, 4]);
  await old.discard();
  expect(existsSync(spoolPath(s.spoolDir, 'fence'))).toBe(false);
  await fresh.close();
});

test('a fenced host that is granted the session again appends what it had left, behind session_resumed', async () => {
  const old = await s.writer('back', 1);
  await old.append(numbered(0));
  const spoolDir = await mkdtemp(join(s.spoolDir, 'host-'));
  const reaper = await openWriter(s.b, { sid: 'back', epoch: 2, spoolDir });
  await reaper.append({ type: 'session_ended', at: 0, reason: 'host_lost' });
  await reaper.close();
  expect(await old.append(numbered(1))).toMatchObject({ kind: 'fenced' });
  expect(await old.append(numbered(2))).toMatchObject({ kind: 'fenced' });
  await old.close();
  const again = await s.writer('back', 3, { resumed: { pi: { version: '1.6.0' } } });
  await again.settled();
  const events = await s.stored('back');
  expect(events.map(({ type, epoch }) => `${type}@${epoch}`)).toEqual([
    'note@1',
    'session_ended@2',
    'session_resumed@3',
    'note@3',
    'note@3',
  ]);
  expect(decode(events[2]!.payload)).toMatchObject({ type: 'session_resumed', pi: { version: '1.6.0' } });
  expect(events.map(numberOf).filter((i) => i !== undefined)).toEqual([0, 1, 2]);
  await again.close();
});

test('events of a dead process that it never ended stand between two session_resumed', async () => {
  const old = await s.writer('cut-off', 1);
  await old.append(numbered(0));
  const spoolDir = await mkdtemp(join(s.spoolDir, 'host-'));
  const other = await openWriter(s.b, { sid: 'cut-off', epoch: 2, spoolDir });
  await other.append(numbered(1));
  await other.close();
  for (const type of ['compact_started', 'compact_ended', 'agent_start'])
    expect(await old.append({ type, at: 0 })).toMatchObject({ kind: 'fenced' });
  await old.close();
  const again = await s.writer('cut-off', 3);
  await again.settled();
  expect((await s.stored('cut-off')).map(({ type }) => type)).toEqual([
    ...['note', 'note', 'session_resumed'],
    ...['compact_started', 'compact_ended', 'agent_start', 'session_resumed'],
  ]);
  await again.close();
});

test('an event that was stored while its answer was lost is not doubled', async () => {
  const w = await s.writer('lost-answer', 1);
  await w.append(numbered(0));
  await w.close();
  // What a process leaves that was killed after the server had stored its second event and before it knew.
  const dead = await s.writer('lost-answer', 1);
  await dead.append(numbered(1));
  const file = readFileSync(spoolPath(s.spoolDir, 'lost-answer'));
  await dead.close();
  writeFileSync(spoolPath(s.spoolDir, 'lost-answer'), file);
  const sameEpoch = await s.writer('lost-answer', 1);
  await sameEpoch.settled();
  expect(await sameEpoch.append(numbered(2))).toMatchObject({ kind: 'appended', n: 3 });
  await sameEpoch.close();
  writeFileSync(spoolPath(s.spoolDir, 'lost-answer'), file);
  const newEpoch = await s.writer('lost-answer', 2);
  await newEpoch.append(numbered(3));
  expect(await numbers('lost-answer')).toEqual([0, 1, 2, 3]);
  await newEpoch.close();
});

test('a writer that opens the spool of a newer one is fenced from the start and leaves it alone', async () => {
  const newer = await s.writer('late', 7);
  await newer.append(numbered(0));
  const late = await s.writer('late', 6);
  expect(await late.append(numbered(1))).toEqual({ kind: 'fenced', epoch: 7 });
  await late.discard();
  expect(await newer.append(numbered(2))).toMatchObject({ kind: 'appended', n: 2 });
  await newer.close();
});

test('a session whose events were all purged is appended to again', async () => {
  const w = await s.writer('purged', 1);
  await w.append(numbered(0));
  await purgeSession(s.b, 'purged');
  expect(await w.append(numbered(1))).toMatchObject({ kind: 'appended', n: 2 });
  await w.close();
});

test('an event too large for the log is refused by name and harms nothing', async () => {
  const w = await s.writer('large', 1);
  const large = { ...numbered(0), text: 'x'.repeat(2_000_000) };
  await expect(w.append(large)).rejects.toMatchObject({
    code: 'body_too_large',
  });
  expect(await w.append(numbered(0))).toMatchObject({ kind: 'appended', n: 1 });
  await w.close();
});

test('pieces are numbered without a hole, and beyond those of an earlier writer', async () => {
  const w = await s.writer('pieces', 1);
  const first = w.publishDelta({ type: 'text_delta', at: 0, messageId: 'm', index: 0, text: 'a' });
  expect(w.publishDelta({ type: 'text_delta', at: 0, messageId: 'm', index: 0, text: 'b' })).toBe(first + 1);
  expect(w.deltaN()).toBe(first + 1);
  await w.close();
});

test('while the server is down events are spooled, up to the bound; then each is in the log once, in order', async () => {
  const b = await s.connect();
  const w = await s.writer('outage', 1, { b, maxSpoolBytes: 4_000 });
  const spool = new Watched<SpoolState>();
  w.onSpool((state) => spool.push(state));
  await w.append(numbered(0));
  const gone = down(b);
  await s.nats.kill9();
  await gone;
  const outcomes: AppendOutcome[] = [];
  for (let i = 1; outcomes.at(-1)?.kind !== 'spool_full'; i++) outcomes.push(await w.append(numbered(i)));
  const spooled = outcomes.length - 1;
  expect(spooled).toBeGreaterThan(20);
  expect(outcomes.slice(0, -1).every(({ kind }) => kind === 'spooled')).toBe(true);
  expect(spool.items.at(-1)).toMatchObject({ events: spooled, full: true });
  await s.nats.restart();
  await spool.until((states) => states.at(-1)!.events === 0);
  expect(w.spool()).toEqual({ events: 0, bytes: 0, full: false });
  expect(await w.append(numbered(-1))).toMatchObject({ kind: 'appended' });
  expect(await numbers('outage')).toEqual([...upTo(spooled + 1), -1]);
  await w.close();
});

test('a spool survives its process: the next one appends it, a torn last record apart', async () => {
  const b = await s.connect();
  const w = await s.writer('crash', 5, { b });
  await w.append(numbered(0));
  const gone = down(b);
  await s.nats.kill9();
  await gone;
  for (const i of [1, 2, 3, 4]) expect((await w.append(numbered(i))).kind).toBe('spooled');
  const path = spoolPath(s.spoolDir, 'crash');
  const file = readFileSync(path);
  await w.close();
  writeFileSync(path, file);
  truncateSync(path, file.length - 3);
  // The same epoch needs no log to go on.
  const offline = await s.writer('crash', 5, { b });
  expect((await offline.append(numbered(44))).kind).toBe('spooled');
  await offline.close();
  await s.nats.restart();
  const next = await s.writer('crash', 6);
  await next.settled();
  expect((await s.stored('crash')).map((event) => (event.type === 'note' ? numberOf(event) : event.type))).toEqual([
    0,
    'session_resumed',
    1,
    2,
    3,
    44,
  ]);
  await next.close();
});

test('a server killed in the middle of a thousand appends: each acknowledged once, in order', async () => {
  const b = await s.connect();
  const w = await s.writer('thousand', 1, { b });
  const outcomes = new Watched<AppendOutcome>();
  const append = async (i: number) => outcomes.push(await w.append(numbered(i)));
  const before = upTo(700).map(append);
  await outcomes.until((items) => items.length >= 200);
  await s.nats.kill9();
  const during = upTo(300).map((i) => append(700 + i));
  await s.nats.restart();
  await Promise.all([...before, ...during]);
  await w.settled();
  expect(await numbers('thousand')).toEqual(upTo(1000));
  const kinds = new Set(outcomes.items.map(({ kind }) => kind));
  expect(kinds.has('fenced') || kinds.has('spool_full')).toBe(false);
  expect(kinds.has('spooled')).toBe(true);
  await w.close();
});

/** Resolves when a connection has noticed that its server is gone. */
function down(b: BackboneScenario['b']): Promise<void> {
  return new Promise((resolve) => {
    internals(b).onStatus((status) => status === 'reconnecting' && resolve());
  });
}

test('a log that is full loses nothing of anybody: what comes waits on the disk of its host until there is room', async () => {
  const large = (i: number) => ({ ...numbered(i), text: 'x'.repeat(100_000) });
  const oldest = await s.writer('full-oldest', 1);
  await oldest.append(numbered(0));
  const { jsm } = internals(s.b);
  const { state } = await jsm.streams.info('SESSIONS');
  await provision(s.b, { maxBytes: state.bytes + 250_000 });
  const w = await s.writer('full', 1, { maxSpoolBytes: 350_000 });
  const first = upTo(2).map((i) => w.append(large(i)));
  expect((await Promise.all(first)).map(({ kind }) => kind)).toEqual(['appended', 'appended']);
  const later = await Promise.all([2, 3, 4].map((i) => w.append(large(i))));
  expect(later.map(({ kind }) => kind)).toEqual(['spooled', 'spooled', 'spooled']);
  expect((await w.append(large(5))).kind).toBe('spool_full');
  expect(await numbers('full-oldest')).toEqual([0]);
  expect(await numbers('full')).toEqual([0, 1]);
  // A command has no disk to wait on: who sends it is told at once.
  const { state: commands } = await jsm.streams.info('COMMANDS');
  await provision(s.b, { commandBytes: commands.bytes + 1 });
  const command = { commandId: 'c', name: 'abort', args: {}, by: { userId: 'u', via: 'api' }, at: 1, expiresAt: 2 };
  expect(await sendCommand(s.b, 'r', command as Command)).toMatchObject({ kind: 'unavailable', full: true });

  await provision(s.b, { maxBytes: -1, commandBytes: -1 });
  await w.settled();
  expect(await numbers('full')).toEqual([0, 1, 2, 3, 4]);
  expect(await sendCommand(s.b, 'r', command as Command)).toMatchObject({ kind: 'stored' });
  await w.close();
  await oldest.close();
});
