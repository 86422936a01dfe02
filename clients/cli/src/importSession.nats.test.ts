import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  bucket,
  connectBackbone,
  createNkeySeed,
  headOf,
  openNkey,
  ownerOf,
  provision,
  replay,
  stateSeedOf,
  streamHead,
  type Backbone,
} from '@pizzapi/backbone';
import { startTestNats, type TestNats } from '@pizzapi/backbone/testing';
import { decode, IMPORTED } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NatsAccess } from '@pizzapi/process';
import { importSession } from './importSession.js';
import { madeUpNatsAccess } from './testing/natsAccess.js';
import { PI_VERSION, readPiSessionFile } from '../../runner/src/pi/index.js';

const RECORDED = fileURLToPath(new URL('../../../tests/fixtures/pi-session-large.jsonl', import.meta.url));

let nats: TestNats;
let b: Backbone;
let access: NatsAccess;
let folder: string;

beforeAll(async () => {
  const nkeySeed = createNkeySeed('user');
  nats = await startTestNats({ config: accountsOf(nkeySeed) });
  b = await connectBackbone({ url: nats.url, name: 'test', nkey: nkeySeed, provisioner: true });
  await provision(b, {});
  access = madeUpNatsAccess(nats.url, nkeySeed);
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-import-test-'));
});
afterAll(async () => {
  await b.close();
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Starts a nats-server like that of a local run, with only the administrator's login: logs and state are two NATS
 * accounts.
 */
function accountsOf(nkeySeed: string): string {
  const user = (seed: string) => `{ jetstream: enabled, users: [ { nkey: ${openNkey(seed).publicKey} } ] }`;
  return `accounts { LOG ${user(nkeySeed)}, STATE ${user(stateSeedOf(nkeySeed))} }`;
}

async function logOf(sid: string): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const batch of replay(b, sid, {})) events.push(...batch.map(({ payload }) => decode(payload)));
  return events;
}

describe('an import', () => {
  it('an import appends every event of the file to the log, once, in order, from the start to the end', async () => {
    const progress: number[] = [];
    const { sessionId, events, messages } = await importSession(RECORDED, access, 'owner', (done) =>
      progress.push(done),
    );
    const epoch = (await ownerOf(b, sessionId))!.epoch;
    const expected = readPiSessionFile(RECORDED, {
      userId: 'owner',
      runnerId: IMPORTED,
      piVersion: PI_VERSION,
      epoch,
    });
    if (expected.kind !== 'ok') throw new Error(expected.message);
    const log = await logOf(sessionId);
    expect(log).toHaveLength(events);
    expect(log.map((event) => (event as { type: string }).type)).toEqual(expected.events.map(({ type }) => type));
    expect(log[0]).toEqual(expected.events[0]);
    expect(log.at(-1)).toMatchObject({ type: 'session_ended', reason: 'completed' });
    expect(messages).toBe(expected.messages);
    expect(progress.at(-1)).toBe(events);
  });

  it('an import that fails halfway leaves no data behind', async () => {
    const owners = bucket<unknown>(b, 'owners');
    const before = await owners.keys();
    let during: string[] | undefined;
    const failing = importSession(RECORDED, access, 'owner', (done) => {
      if (done === 1) void owners.keys().then((keys) => (during = keys));
      // The id of the session is not known before.
      if (done >= 1_000 && during !== undefined) throw new Error('no more');
    });
    await expect(failing).rejects.toThrow('no more');
    const [sid] = during!.filter((key) => !before.includes(key));
    expect(await headOf(b, sid!)).toMatchObject({ first: 0, last: 0 });
    expect(await owners.keys()).toEqual(before);
  });

  it('an import of 30,000 entries has many events on their way at once, and the log has them in order', async () => {
    const file = join(folder, 'large.jsonl');
    const header = { type: 'session', version: 3, id: 's', timestamp: '2026-01-01T00:00:00Z', cwd: '/' };
    const entries = Array.from({ length: 30_000 }, (_, n) => ({
      ...{ type: 'message', id: `e${n}`, parentId: n === 0 ? null : `e${n - 1}`, timestamp: '2026-01-01T00:00:00Z' },
      message: { role: 'user', content: `message ${n}` },
    }));
    await writeFile(file, [header, ...entries].map((each) => `${JSON.stringify(each)}\n`).join(''));
    let reports = 0;
    const { sessionId, events } = await importSession(file, access, 'owner', () => reports++);
    // One round trip for each report; the time itself depends on the machine.
    expect(events).toBeGreaterThan(60_000);
    expect(reports).toBeLessThan(events / 400);
    const log = (await logOf(sessionId)) as { type: string; message?: { content: string } }[];
    expect(log).toHaveLength(events);
    const ends = log.flatMap(({ type, message }) => (type === 'message_end' ? [message?.content] : []));
    expect(ends).toEqual(entries.map(({ message }) => message.content));
  });

  it.each([
    ['file_truncated', (text: string) => text.slice(0, text.length - 40)],
    ['file_invalid', () => '{"type":"not a session"}\n'],
  ])('an import of a damaged file is refused with %s before anything is written', async (code, damage) => {
    const file = join(folder, `${code}.jsonl`);
    await writeFile(file, damage(await readFile(RECORDED, 'utf8')));
    const before = await streamHead(b, 'SESSIONS');
    await expect(importSession(file, access, 'owner', () => undefined)).rejects.toMatchObject({ info: { code } });
    expect(await streamHead(b, 'SESSIONS')).toEqual(before);
  });

  it('an import reports a missing file, and a backbone that is not reachable', async () => {
    const nowhere = { ...access, url: 'nats://127.0.0.1:1' };
    await expect(importSession(join(folder, 'none'), nowhere, 'o', () => undefined)).rejects.toMatchObject({
      info: { code: 'file_not_found' },
    });
    await expect(importSession(RECORDED, nowhere, 'o', () => undefined)).rejects.toMatchObject({
      code: 'nats_unreachable',
    });
  });
});
