import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSecuredNats } from '@pizzapi/authenticator/testing';
import {
  BlobStore,
  claimGrant,
  claimSession,
  connectBackbone,
  openWriter,
  provision,
  putBlobVia,
  replay,
  type Backbone,
} from '@pizzapi/backbone';
import { startTestNats, type TestNats } from '@pizzapi/backbone/testing';
import {
  BLOB_THRESHOLD,
  decode,
  natsUserOf,
  newId,
  runnerPassword,
  type HostLogin,
  type SessionEvent,
} from '@pizzapi/protocol';
import { silentLogger } from '@pizzapi/process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BlobSpool } from './blobSpool.js';
import { EventPipeline, type EventPipelineOptions } from './eventPipeline.js';

let nats: TestNats;
let backbone: Backbone;
let folder: string;

beforeAll(async () => {
  nats = await startTestNats();
  backbone = await connectBackbone({ url: nats.url, name: 'test' });
  await provision(backbone);
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-pipe-'));
});

afterAll(async () => {
  await backbone.close();
  await nats.stop();
  await rm(folder, { recursive: true });
});

/** `isPatient`: an event waits for its blobs for as long as it takes, and not for the two seconds of an outbox. */
async function openPipe(maxSpoolBytes: number, isPatient = false) {
  const sid = newId('s');
  const claim = await claimSession(backbone, { sid, userId: 'owner', runnerId: 'r' });
  if (claim.kind !== 'granted') throw new Error('refused');
  const writer = await openWriter(backbone, { sid, epoch: claim.epoch, spoolDir: folder, maxSpoolBytes });
  const place = { userId: 'owner', sid };
  const kept = new BlobStore(backbone);
  const store = (bytes: Uint8Array, type: string) => kept.put(place, bytes, type, { keep: true });
  const blobs = new BlobSpool(join(folder, `${sid}.blobs`), store, silentLogger);
  const stored = (hash: string) => kept.get(place, hash);
  const full: boolean[] = [];
  const patient: EventPipelineOptions['blobs'] = {
    keep: async (...kept) => ({ ...(await blobs.keep(...kept)), stored: blobs.settled(50_000) }),
    onRefused: (listener) => blobs.onRefused(listener),
  };
  const pipe = new EventPipeline({
    ...{ writer, log: silentLogger, onFull: (is: boolean) => full.push(is) },
    blobs: isPatient ? patient : blobs,
  });
  const log = async () => {
    await pipe.flushed();
    await writer.settled();
    const events: SessionEvent[] = [];
    for await (const batch of replay(backbone, sid, {})) {
      for (const { payload } of batch) events.push(decode(payload) as SessionEvent);
    }
    return events;
  };
  return { writer, blobs, pipe, full, log, stored };
}

const said = (text: string): SessionEvent => ({ type: 'session_message', at: 1, from: 'test', text });
const texts = (events: SessionEvent[]) => events.map((event) => (event.type === 'session_message' ? event.text : ''));

it('long content leaves an event as a blob that is there when the event is, and the order stays', async () => {
  const { pipe, log, writer, stored } = await openPipe(1e6, true);
  const long = 'x'.repeat(BLOB_THRESHOLD + 1);
  for (const text of ['before', long, 'after']) pipe.push(said(text));
  const events = await log();
  expect(texts(events).map((text) => text.slice(0, 6))).toEqual(['before', 'xxxxxx', 'after']);
  const [placed] = events[1]!.blobs!;
  expect(placed).toMatchObject({ path: '/text', size: long.length });
  const blob = await stored(placed!.blob);
  expect(new TextDecoder().decode(blob!.bytes)).toBe(long);
  await writer.close();
});

it('while the backbone is away events are spooled, a full spool pauses the session, and nothing is lost or reordered', async () => {
  const { pipe, log, full, writer, blobs, stored } = await openPipe(20_000);
  pipe.push(said('first'));
  await writer.settled();
  await nats.kill9();
  const sent = ['first'];
  const say = (text: string) => {
    sent.push(text);
    pipe.push(said(text));
  };
  for (let i = 0; i < 30; i++) {
    // Of different sizes: a small one that would still fit must not overtake a large one that does not.
    say(`${i} ${'y'.repeat(i % 3 === 0 ? 2_000 : 10)}`);
  }
  expect(full).toEqual([true]);
  const long = `long ${'z'.repeat(BLOB_THRESHOLD)}`;
  pipe.push(said(long));
  await nats.restart();
  const events = await log();
  expect(full).toEqual([true, false]);
  expect(texts(events).slice(0, -1)).toEqual(sent);
  await blobs.settled(30_000);
  const blob = await stored(events.at(-1)!.blobs![0]!.blob);
  expect(new TextDecoder().decode(blob!.bytes)).toBe(long);
  await writer.close();
});

/** A worker, let in by the authenticator, whose session may store so many bytes. */
async function openRefusedPipe(sessionBytes: number) {
  const secured = await startSecuredNats({ storage: { session: sessionBytes } });
  const connect = (login: HostLogin, password: string) =>
    connectBackbone({
      url: secured.url,
      name: natsUserOf(login),
      host: login,
      password,
    });
  const [rid, sid] = [newId('r'), newId('s')];
  const runner = await connect(
    { kind: 'runner', rid },
    runnerPassword(await secured.newRunnerToken('ann'), 'a-secret-of-this-host'),
  );
  const grant = await claimGrant(runner, { kind: 'runner', rid, sid });
  if (grant.kind !== 'granted') throw new Error(grant.code);
  const worker = await connect({ kind: 'session', sid }, grant.grant);
  const writer = await openWriter(worker, { sid, epoch: grant.epoch, spoolDir: folder });
  const store = (bytes: Uint8Array, type: string) => putBlobVia(worker, { kind: 'session', sid }, bytes, type);
  const blobs = new BlobSpool(join(folder, `${sid}.blobs`), store, silentLogger);
  const pipe = new EventPipeline({ writer, blobs, log: silentLogger, onFull: () => undefined });
  return {
    pipe,
    /** All that is in the log once nothing waits any more. */
    log: async () => {
      await pipe.flushed();
      await blobs.settled(30_000);
      await pipe.flushed();
      await writer.settled();
      const events: SessionEvent[] = [];
      for await (const batch of replay(secured.admin, sid, {})) {
        for (const { payload } of batch) events.push(decode(payload) as SessionEvent);
      }
      return events;
    },
    end: async () => {
      await writer.close();
      await Promise.all([worker.close(), runner.close()]);
      await secured.stop();
    },
  };
}

it.each([
  {
    why: 'is too large',
    size: 65 * 1024 * 1024,
    room: 0,
    title: /^Content of 65.0 MiB could not be stored: it is too/,
  },
  {
    why: 'has no room',
    size: 3 * 1024 * 1024,
    room: 2 * 1024 * 1024,
    title:
      /^Content of 3.0 MiB could not be stored\. .* This session holds 0 B of at most 2 MiB; 3 MiB more .* Delete /,
  },
])(
  'what the authenticator refuses for good is missing, and said so in the session, whose events go on: what $why',
  async ({ size, room, title }) => {
    const { pipe, log, end } = await openRefusedPipe(room);
    for (const text of ['before', 'x'.repeat(size), 'after']) pipe.push(said(text));
    const events = await log();
    const messages = texts(events.filter(({ type }) => type === 'session_message'));
    expect(messages.map((text) => text.slice(0, 6))).toEqual(['before', 'xxxxxx', 'after']);
    const notices = events.filter(({ type }) => type === 'dialog_opened');
    expect(notices).toMatchObject([
      { method: 'notify', level: 'warning', title: expect.stringMatching(title) as string },
    ]);
    await end();
  },
);
