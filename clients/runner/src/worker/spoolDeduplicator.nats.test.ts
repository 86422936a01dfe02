import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBackbone, openWriter, provision, spooledEvents, type Backbone } from '@pizzapi/backbone';
import { startTestNats, type TestNats } from '@pizzapi/backbone/testing';
import type { SessionEvent } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SpoolDeduplicator } from './spoolDeduplicator.js';

let nats: TestNats;
let backbone: Backbone;
let spoolDir: string;

beforeAll(async () => {
  nats = await startTestNats();
  backbone = await connectBackbone({ url: nats.url, name: 'test' });
  await provision(backbone);
  spoolDir = await mkdtemp(join(tmpdir(), 'pizzapi-said-'));
});

afterAll(async () => {
  await backbone.close();
  await nats.stop();
  await rm(spoolDir, { recursive: true });
});

const heard = (triggerId: string, at: number): SessionEvent => ({
  type: 'trigger_received',
  at,
  triggerId,
  kind: 'escalate',
  sessionId: 'kid',
});

it('what a process had said last is no news from the next one, once, and until it is in the log', async () => {
  const sid = 'said';
  const before = await openWriter(backbone, { sid, epoch: 1, spoolDir });
  await before.append(heard('t0', 1));
  await nats.kill9();
  await before.append(heard('t1', 2));
  await before.append({ type: 'command_result', at: 3, commandId: 'c', ok: true });
  await before.close();
  expect(spooledEvents(spoolDir, sid, ['command_result'])).toMatchObject([{ commandId: 'c' }]);
  expect(spooledEvents(spoolDir, 'nobody', ['command_result'])).toEqual([]);

  const said = SpoolDeduplicator.fromSpool(spoolDir, sid);
  expect(said.isDuplicate(heard('t2', 9))).toBe(false);
  expect(said.isDuplicate({ type: 'trigger_closed', at: 9, triggerId: 't1', how: 'answered' })).toBe(false);
  expect(said.isDuplicate(heard('t1', 9))).toBe(true);
  expect(said.isDuplicate(heard('t1', 9))).toBe(false);

  await nats.restart();
  const after = await openWriter(backbone, { sid, epoch: 2, spoolDir });
  await after.settled();
  await after.close();
  expect(SpoolDeduplicator.fromSpool(spoolDir, sid).isDuplicate(heard('t1', 9))).toBe(false);
  expect(spooledEvents(spoolDir, sid, ['command_result'])).toEqual([]);
});
