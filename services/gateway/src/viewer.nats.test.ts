import {
  AUDIT_STREAM,
  consumeStream,
  requestRpc,
  serveRpc,
  sessionRowKey,
  sessionRows,
  streamHead,
  type SessionWriter,
} from '@pizzapi/backbone';
import {
  decode,
  encode,
  initialSessionInfo,
  MAX_FRAME_BYTES,
  OWNER_ID,
  restartDelay,
  subjects,
} from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestClient } from './testing/client.js';
import { PATIENT } from './testing/patience.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

let s: GatewayScenario;
beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());

let count = 0;
const newSid = () => `s${++count}`;

/** Appends notes; the payload says which one it is. */
async function write(writer: SessionWriter, n: number, size = 0): Promise<number[]> {
  const outcomes = await Promise.all(
    Array.from({ length: n }, (_, i) =>
      writer.append({ type: 'note', at: i, pad: 'p'.repeat(size) } as { type: string; at: number }),
    ),
  );
  return outcomes.map((outcome) => (outcome.kind === 'appended' ? outcome.seq : NaN));
}

async function session(n: number, size = 0): Promise<{ sid: string; writer: SessionWriter; seqs: number[] }> {
  const sid = newSid();
  const writer = await s.writer(sid);
  return { sid, writer, seqs: await write(writer, n, size) };
}

async function watch(
  sid: string,
  from: object = {},
  options: { json?: boolean; url?: string } = {},
): Promise<TestClient> {
  const client = await s.connect(sid, options);
  await client.heard('hello');
  client.send({ type: 'resume', ...from });
  return client;
}

const seen = (client: TestClient, seqs: number[]) => expect.poll(() => client.seqs, { interval: 10 }).toEqual(seqs);

const counter = async (name: string) => {
  const text = await s.gateway.metrics.render();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
};

describe('a viewer', () => {
  it('is greeted, gets the story so far, is told that it is live, and then what happens', async () => {
    const { sid, writer, seqs } = await session(700);
    const client = await watch(sid);
    expect(client.frames[0]).toMatchObject({
      type: 'hello',
      protocol: 1,
      sessionId: sid,
      mode: 'owner',
      head: seqs.at(-1),
      first: seqs[0],
    });
    expect(await client.heard('live')).toEqual({ type: 'live', seq: seqs.at(-1) });
    const more = await write(writer, 20);
    await seen(client, [...seqs, ...more]);
    expect(client.of('event')[3]).toMatchObject({ event: { type: 'note', at: 3 } });
    // Replay comes in large messages, not one a frame.
    expect(client.messages).toBeLessThan(60);
  });

  it('resumes after an offset', async () => {
    const { sid, seqs } = await session(50);
    const client = await watch(sid, { after: seqs[29] });
    await seen(client, seqs.slice(30));
    await client.heard('live');
  });

  it('gets the last n, with and without a checkpoint to start from', async () => {
    const { sid, seqs } = await session(400);
    await seen(await watch(sid, { tail: 25 }), seqs.slice(-25));
    const checkpoints = [100, 200, 300].map((n) => ({ seq: seqs[n - 1]!, count: n }));
    const row = { info: initialSessionInfo(sid), lastSeq: seqs[299]!, checkpoints, count: 300, epoch: 1 };
    await sessionRows(s.b).put(sessionRowKey(OWNER_ID, sid), row);
    await seen(await watch(sid, { tail: 150 }), seqs.slice(-150));
    await seen(await watch(sid, { tail: 5_000 }), seqs);
  });

  it('misses and repeats nothing when it joins while the host writes', async () => {
    const { sid, writer, seqs } = await session(300);
    const clients: TestClient[] = [];
    const writing = (async () => {
      for (let i = 0; i < 40; i++) seqs.push(...(await write(writer, 25)));
    })();
    for (let i = 0; i < 8; i++) clients.push(await watch(sid, i % 2 === 0 ? {} : { after: seqs[100] }));
    await writing;
    for (const [i, client] of clients.entries()) await seen(client, i % 2 === 0 ? seqs : seqs.slice(101));
  });

  it('reads JSON when it asks for it', async () => {
    const { sid, writer, seqs } = await session(5);
    const client = await watch(sid, {}, { json: true });
    await client.heard('live');
    const more = await write(writer, 2);
    await seen(client, [...seqs, ...more]);
    expect(client.of('event')[0]).toEqual({ type: 'event', seq: seqs[0], event: { type: 'note', at: 0, pad: '' } });
    client.send({ type: 'ping' });
    await client.heard('pong');
  });

  it('shares one read of the log with fifty who come at once', async () => {
    const { sid, seqs } = await session(200);
    const before = await counter('pizzapi_gateway_log_reads_total');
    const clients = await Promise.all(Array.from({ length: 50 }, () => s.connect(sid)));
    for (const client of clients) await client.heard('hello');
    for (const client of clients) client.send({ type: 'resume' });
    for (const client of clients) await seen(client, seqs);
    expect((await counter('pizzapi_gateway_log_reads_total')) - before).toBe(1);
  });

  it('is parked when it stops reading, disturbs nobody, and catches up', async () => {
    const { sid, writer, seqs } = await session(1);
    const before = await counter('pizzapi_gateway_parked_total');
    const [slow, quick] = await Promise.all([watch(sid), watch(sid)]);
    await Promise.all([slow.heard('live'), quick.heard('live')]);
    slow.ws.pause();
    // Never so much at once that the quick one, however long it is not let run, could be parked as well.
    for (let i = 0; i < 60; i++) {
      seqs.push(...(await write(writer, 10, 20_000)));
      await seen(quick, seqs);
    }
    expect(await counter('pizzapi_gateway_parked_total')).toBe(before + 1);
    slow.ws.resume();
    await seen(slow, seqs);
    expect(slow.of('live')).toHaveLength(1);
  });

  it('is told reset for an offset the session never reached, and begins again', async () => {
    const { sid, seqs } = await session(4);
    const client = await watch(sid, { after: 10_000_000 });
    await seen(client, seqs);
    expect(client.of('reset')).toEqual([{ type: 'reset', reason: 'future', first: seqs[0] }]);
  });

  it('is told reset for an offset of another log, and begins again', async () => {
    const { sid, seqs } = await session(4);
    const client = await watch(sid, { after: seqs[1]!, log: 'a log that was' });
    await seen(client, seqs);
    expect(client.of('reset')).toEqual([{ type: 'reset', reason: 'identity', first: seqs[0] }]);
    const { log } = client.of('hello')[0] as unknown as { log: string };
    const back = await watch(sid, { after: seqs[1]!, log });
    await seen(back, seqs.slice(2));
    expect(back.of('reset')).toEqual([]);
  });

  it('joins in the middle of a message: the open blocks first, then the pieces that continue them', async () => {
    const { sid, writer } = await session(1);
    const delta = { type: 'text_delta', at: 0, messageId: 'm', index: 0, text: 'x' } as const;
    for (let i = 0; i < 3; i++) writer.publishDelta(delta);
    const open = [{ messageId: 'm', blocks: [{ index: 0, kind: 'text', text: 'xxx' }] }];
    const stop = serveRpc(s.b, subjects.sessionPartial(sid), () => encode({ n: writer.deltaN(), open, tools: [] }));
    // A question over the same connection: from its answer on, whoever asks finds the host.
    const answer = await requestRpc(s.b, subjects.sessionPartial(sid), new Uint8Array(), { timeoutMs: 20_000 });
    expect(answer.kind).toBe('ok');
    const client = await watch(sid);
    expect(await client.heard('partial')).toMatchObject({ partial: { n: writer.deltaN(), open } });
    writer.publishDelta(delta);
    expect(await client.heard('delta')).toMatchObject({ delta: { n: writer.deltaN(), text: 'x' } });
    stop();
  });

  it('leaves a row in the audit log', async () => {
    const { sid } = await session(1);
    const after = await streamHead(s.b, AUDIT_STREAM);
    await watch(sid);
    const rows: unknown[] = [];
    const stop = new AbortController();
    const reading = consumeStream(s.b, AUDIT_STREAM, {
      after,
      signal: stop.signal,
      onBatch: (batch) => void rows.push(...batch.map(({ payload }) => decode(payload))),
    });
    await expect
      .poll(() => rows)
      .toContainEqual(
        expect.objectContaining({
          kind: 'join',
          userId: 'owner',
          via: 'api',
          ip: '127.0.0.1',
          sessionId: sid,
          mode: 'owner',
        }),
      );
    stop.abort();
    await reading;
  });

  it('sees who else watches', async () => {
    const { sid } = await session(1);
    const [one, two] = [await watch(sid), await watch(sid)];
    await expect.poll(() => (one.of('presence').at(-1)?.['viewers'] as unknown[] | undefined)?.length).toBe(2);
    two.ws.close();
    await expect.poll(() => (one.of('presence').at(-1)?.['viewers'] as unknown[] | undefined)?.length).toBe(1);
  });
});

describe('a bad client', () => {
  it('is told what is wrong with a frame, and goes on', async () => {
    const { sid, seqs } = await session(2);
    const client = await s.connect(sid);
    client.send({ type: 'dance', ref: 'r1' });
    expect(await client.heard('error')).toMatchObject({ ref: 'r1', code: 'bad_frame' });
    client.send({ type: 'resume' });
    await seen(client, seqs);
    client.send({ type: 'resume' });
    await expect.poll(() => client.of('error')).toHaveLength(2);
  });

  it.each([
    ['broken bytes', Buffer.from([0xc1, 0xff, 0xff]), 4001],
    ['text in a binary protocol', 'hello', 4001],
    ['no map', Buffer.from(encode([1, 2, 3])), 4001],
    ['a flood of frames in one message', Buffer.alloc(10_000, encode({ type: 'ping' })), 4001],
    ['an oversized message', Buffer.alloc(MAX_FRAME_BYTES + 1), 1009],
  ])('that sends %s is closed, and nobody else notices', async (_what, bytes, code) => {
    const { sid, writer, seqs } = await session(2);
    const [bad, good] = [await s.connect(sid), await watch(sid)];
    await good.heard('live');
    bad.ws.send(bytes);
    expect(await bad.closed).toMatchObject({ code });
    await seen(good, [...seqs, ...(await write(writer, 1))]);
  });
});

describe('two gateways', () => {
  it('count the viewers of a session at both, also the gateway that has none of them', async () => {
    const { sid } = await session(1);
    const { gateway, url } = await s.start();
    const countAt = async (at?: string) => {
      const answer = await s.fetch(`/api/sessions/${sid}`, at === undefined ? {} : { url: at });
      return ((await answer.json()) as { session: { viewerCount: number } }).session.viewerCount;
    };
    expect(await countAt()).toBe(0);
    const here = await watch(sid);
    await watch(sid);
    expect(here.of('hello')[0]).toMatchObject({ session: { viewerCount: 1 } });
    expect(await countAt()).toBe(2);
    await expect.poll(() => countAt(url), PATIENT).toBe(2);
    await watch(sid, {}, { url });
    await expect.poll(() => countAt(), PATIENT).toBe(3);
    here.ws.close();
    await expect.poll(() => countAt(url), PATIENT).toBe(2);
    await gateway.stop();
    await expect.poll(() => countAt(), PATIENT).toBe(1);
  });

  it('list the viewers of a session at both, until one gateway ends', async () => {
    const { sid } = await session(1);
    const { gateway, url } = await s.start();
    const here = await watch(sid);
    const watching = () => (here.of('presence').at(-1)?.['viewers'] as unknown[] | undefined)?.length;
    await expect.poll(watching).toBe(1);
    const there = await watch(sid, {}, { url });
    await expect.poll(watching).toBe(2);
    await expect.poll(() => (there.of('presence').at(-1)?.['viewers'] as unknown[] | undefined)?.length).toBe(2);
    await gateway.stop();
    await expect.poll(watching).toBe(1);
  });
});

describe('a gateway that drains', () => {
  it('is not ready any more, and sends everyone elsewhere with a moment to wait; another serves them on', async () => {
    const { sid, writer, seqs } = await session(10);
    const { gateway, url } = await s.start();
    const client = await watch(sid, {}, { url });
    await client.heard('live');
    const draining = gateway.drain();
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    const { code, reason } = await client.closed;
    expect(code).toBe(1012);
    expect(restartDelay(reason)).toBeLessThanOrEqual(1_000);
    await draining;
    // A load balancer that only connects finds out by the refusal.
    await expect(fetch(`${url}/livez`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    const more = await write(writer, 3);
    const again = await watch(sid, { after: client.seqs.at(-1) });
    await seen(again, more);
    expect(client.seqs).toEqual(seqs);
  });
});

describe('a backbone that restarts', () => {
  it('costs a viewer nothing but time', async () => {
    const { sid, writer, seqs } = await session(10);
    const client = await watch(sid);
    await client.heard('live');
    await s.nats.kill9();
    await s.nats.restart();
    await write(writer, 5);
    await writer.settled();
    await expect.poll(() => client.seqs.length, { timeout: 20_000 }).toBe(seqs.length + 5);
  });
});
