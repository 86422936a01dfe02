import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode, HEADER, subjects, type Command } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCommands } from './commands.js';
import { internals } from './connection.js';
import { consumeStream, streamHead, type StoredRecord } from './consume.js';
import { openLedger } from './ledger.js';
import { writeHeaders } from './message.js';
import { publishAudit, publishRunnerEvent, sendCommand } from './publish.js';
import { requestRpc, serveRpc } from './rpc.js';
import { startScenario, upTo, Watched, type BackboneScenario } from './scenario.js';
import { AUDIT_STREAM, COMMANDS_STREAM, RUNNERS_STREAM } from './streams.js';

let s: BackboneScenario;
let dir: string;
beforeAll(async () => {
  s = await startScenario();
  dir = mkdtempSync(join(tmpdir(), 'pizzapi-commands-'));
});
afterAll(async () => {
  rmSync(dir, { recursive: true });
  await s.end();
});

const command = (commandId: string): Command => ({
  commandId,
  name: 'abort',
  sessionId: 's',
  args: {},
  by: { userId: 'u', via: 'owner' },
  at: 0,
  expiresAt: 1,
});

test('a command is stored once, however often it is sent', async () => {
  const first = await sendCommand(s.b, 'once', command('c1'));
  expect(first.kind).toBe('stored');
  expect(await sendCommand(s.b, 'once', command('c1'))).toMatchObject({ kind: 'duplicate' });
});

test('a runner reads its own commands in order, passes over what is none, and goes on at its cursor', async () => {
  const subject = subjects.runnerCommands('mine');
  await sendCommand(s.b, 'other', command('foreign'));
  await sendCommand(s.b, 'mine', command('a'));
  const store = (id: string, bytes: Uint8Array) =>
    internals(s.b).publisher.publish(subject, bytes, writeHeaders([[HEADER.msgId, `mine.${id}`]]));
  await store('no-msgpack', new Uint8Array([0xc1]));
  await store('odd', encode({ commandId: 'odd', name: 'dance' }));
  await sendCommand(s.b, 'mine', command('b'));
  const read = async (after: number, count: number) => {
    const seen = new Watched<{ id: string | undefined; seq: number }>();
    const stop = new AbortController();
    const reading = readCommands(s.b, 'mine', {
      after,
      signal: stop.signal,
      onCommand: ({ commandId }, seq) => seen.push({ id: commandId, seq }),
      onPoison: ({ commandId, seq }) => seen.push({ id: `poison ${commandId}`, seq }),
    });
    await seen.until((items) => items.length >= count);
    stop.abort();
    await reading;
    return seen.items;
  };
  const all = await read(0, 4);
  expect(all.map(({ id }) => id)).toEqual(['a', 'poison undefined', 'poison odd', 'b']);
  expect((await read(all[2]!.seq, 1)).map(({ id }) => id)).toEqual(['b']);
});

test('commands are carried out once although the reader died between effect and cursor, and the server too', async () => {
  const file = join(dir, 'ledger');
  const effects: string[] = [];
  const done = new Watched<string>();
  const life = (dieAfter: string | undefined) => {
    const ledger = openLedger(file);
    const stop = new AbortController();
    const reading = readCommands(s.b, 'ledger', {
      after: Math.max(0, ledger.cursor - 3), // A cursor that lags brings commands again.
      signal: stop.signal,
      onCommand: ({ commandId }, seq) => {
        if (ledger.begin(commandId, seq) === 'new') {
          effects.push(commandId);
          if (commandId === dieAfter) return stop.abort();
          ledger.finish(commandId, { ok: true });
        }
        done.push(commandId);
      },
      onPoison: () => undefined,
    });
    return { ledger, stop, reading };
  };
  for (const i of upTo(5)) await sendCommand(s.b, 'ledger', command(`x${i}`));
  const first = life('x3');
  await first.reading;
  first.ledger.close();
  const second = life(undefined);
  expect(second.ledger.open().map(({ commandId }) => commandId)).toEqual(['x3']);
  await done.until((items) => items.includes('x4'));
  await s.nats.kill9();
  await s.nats.restart();
  await sendCommand(s.b, 'ledger', command('x5'));
  await done.until((items) => items.includes('x5'));
  expect(effects).toEqual(upTo(6).map((i) => `x${i}`));
  second.stop.abort();
  await second.reading;
});

test('a runner receives every command once and in order although more arrive at once than its reader holds', async () => {
  const ids: string[] = [];
  const seen = new Watched<string>();
  const stop = new AbortController();
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const reading = readCommands(s.b, 'busy', {
    after: 0,
    signal: stop.signal,
    onCommand: async ({ commandId }) => {
      seen.push(commandId);
      if (commandId === 'b0') await held;
    },
    onPoison: () => seen.push('poison'),
  });
  const send = async (i: number): Promise<void> => {
    ids.push(`b${i}`);
    await sendCommand(s.b, 'busy', command(`b${i}`));
  };
  await send(0);
  await seen.until((items) => items.length === 1);
  for (const i of upTo(400)) await send(i + 1);
  letGo();
  await seen.until((items) => items.length >= ids.length);
  await send(401);
  await seen.until((items) => items.length >= ids.length);
  expect(seen.items).toEqual(ids);
  stop.abort();
  await reading;
});

test('a cursor beyond the end of the stream begins anew: the stream is another one than it was', async () => {
  const end = await streamHead(s.b, COMMANDS_STREAM);
  const seen = new Watched<string>();
  const stop = new AbortController();
  await sendCommand(s.b, 'renewed', command('n1'));
  const reading = readCommands(s.b, 'renewed', {
    ...{ after: end + 1_000, signal: stop.signal, onPoison: () => undefined },
    onCommand: ({ commandId }) => seen.push(commandId),
  });
  expect(await seen.until((items) => items.length >= 1)).toEqual(['n1']);
  stop.abort();
  await reading;
});

test('a stream is consumed in order across a restart; a handler that fails ends the reading where it was', async () => {
  const from = await streamHead(s.b, RUNNERS_STREAM);
  const seen = new Watched<StoredRecord>();
  const stop = new AbortController();
  const reading = consumeStream(s.b, RUNNERS_STREAM, {
    after: from,
    signal: stop.signal,
    onBatch: (batch) => seen.push(...batch),
  });
  for (const i of upTo(20)) {
    if (i === 10) await s.nats.kill9().then(() => s.nats.restart());
    await publishRunnerEvent(s.b, 'r', { type: 'runner_warning', at: i, code: 'x', message: 'y' });
  }
  await seen.until((items) => items.length >= 20);
  expect(seen.items.map(({ payload }) => (decode(payload) as { at: number }).at)).toEqual(upTo(20));
  expect(seen.items[0]).toMatchObject({ subject: 'runner.r.events', type: 'runner_warning' });
  stop.abort();
  await reading;
  const failing = consumeStream(s.b, RUNNERS_STREAM, {
    after: from,
    signal: new AbortController().signal,
    onBatch: () => Promise.reject(new Error('no room')),
  });
  await expect(failing).rejects.toThrow('no room');
});

test('a cursor from another stream begins at the first record and says so', async () => {
  await publishAudit(s.b, { kind: 'login', at: 1, who: 'u' });
  const seen = new Watched<StoredRecord>();
  const stop = new AbortController();
  let resets = 0;
  const reading = consumeStream(s.b, AUDIT_STREAM, {
    after: 1_000_000,
    signal: stop.signal,
    onReset: () => resets++,
    onBatch: (batch) => seen.push(...batch),
  });
  await seen.until((items) => items.length === 1);
  expect(resets).toBe(1);
  expect(seen.items[0]?.subject).toBe('audit.login');
  stop.abort();
  await reading;
});

test('a request is answered, or nobody serves it, or nobody answers in time', async () => {
  const ask = (text: string, timeoutMs = 20_000) => requestRpc(s.b, 'runner.r.rpc.status', encode(text), { timeoutMs });
  expect(await ask('anyone?')).toEqual({ kind: 'no_responders' });
  const end = serveRpc(s.b, 'runner.r.rpc.*', (body) => {
    if (decode(body) === 'fail') throw new Error('failed');
    return encode(`you said ${String(decode(body))}`);
  });
  const answer = await ask('hello');
  expect(answer.kind === 'ok' && decode(answer.body)).toBe('you said hello');
  expect(await ask('fail', 300)).toEqual({ kind: 'timeout' });
  end();
  await internals(s.b).nc.flush();
  expect(await ask('gone?')).toEqual({ kind: 'no_responders' });
});
