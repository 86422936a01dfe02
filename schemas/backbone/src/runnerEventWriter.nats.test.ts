import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@pizzapi/process';
import { decode, type RunnerEvent } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backbone } from './connection.js';
import { consumeStream, streamHead } from './consume.js';
import { openRunnerEventWriter } from './runnerEventWriter.js';
import { startScenario, upTo, type BackboneScenario } from './scenario.js';
import { RUNNERS_STREAM } from './streams.js';

let s: BackboneScenario;
beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());

const log = silentLogger;
const warning = (i: number): RunnerEvent => ({ type: 'runner_warning', at: i, code: 'x', message: 'y' });
const result = (commandId: string): RunnerEvent => ({ type: 'command_result', at: 0, commandId, ok: true });
const pathOf = (rid: string) => join(s.spoolDir, `${rid}.events`);
const open = (rid: string, b: Backbone = s.b, more = {}) =>
  openRunnerEventWriter(b, { rid, path: pathOf(rid), log, ...more });

/** The runner's log, once it holds `count` events. */
async function logged(rid: string, count: number): Promise<RunnerEvent[]> {
  const events: RunnerEvent[] = [];
  const stop = new AbortController();
  await consumeStream(s.b, RUNNERS_STREAM, {
    after: 0,
    filter: `runner.${rid}.events`,
    signal: stop.signal,
    onBatch: (records) => {
      events.push(...records.map(({ payload }) => decode(payload) as RunnerEvent));
      if (events.length >= count) stop.abort();
    },
  });
  return events;
}

test('events are published in order, and an empty spool leaves no file', async () => {
  const writer = open('r1');
  for (const i of upTo(20)) expect(writer.append(warning(i))).toBe(true);
  expect((await logged('r1', 20)).map(({ at }) => at)).toEqual(upTo(20));
  await writer.flushed(5_000);
  await writer.close();
  expect(existsSync(pathOf('r1'))).toBe(false);
});

test('events of a process that stopped while the backbone was away are published by the next one, once', async () => {
  const away = await s.connect();
  await away.close();
  const writer = open('r2', away);
  for (const i of upTo(3)) writer.append(warning(i));
  await writer.flushed(50);
  await writer.close();
  const next = open('r2');
  next.append(warning(3));
  expect((await logged('r2', 4)).map(({ at }) => at)).toEqual(upTo(4));
  await next.close();
  const head = await streamHead(s.b, RUNNERS_STREAM);
  await open('r2').close();
  expect(await streamHead(s.b, RUNNERS_STREAM)).toEqual(head);
});

test('a result is sent after its commit, and an event behind it after that', async () => {
  const writer = open('r3');
  const order: string[] = [];
  const committed = writer.appendCommitted(result('c1'), () => order.push('commit'));
  writer.append(warning(1));
  expect(await committed).toBe(true);
  expect(order).toEqual(['commit']);
  expect((await logged('r3', 2)).map(({ type }) => type)).toEqual(['command_result', 'runner_warning']);
  await writer.close();
});

test('a result whose process died before its commit is in the spool of the next process', async () => {
  const away = await s.connect();
  await away.close();
  const dying = open('r4', away);
  const committed = dying.appendCommitted(result('c1'), () => {
    throw new Error('The process died');
  });
  await expect(committed).rejects.toThrow('died');
  const next = open('r4');
  expect(next.leftover).toEqual([result('c1')]);
  expect(await logged('r4', 1)).toEqual([result('c1')]);
  await next.close();
  await dying.close();
});

test('when the spool is full, events are dropped before results of commands are', async () => {
  const away = await s.connect();
  await away.close();
  const writer = open('r5', away, { maxBytes: 4_000 });
  let warnings = 0;
  while (writer.append(warning(warnings))) warnings++;
  expect(warnings).toBeGreaterThan(5);
  expect(await writer.appendCommitted(result('c1'), () => undefined)).toBe(true);
  let isCommitted = true;
  while (isCommitted) {
    isCommitted = false;
    const isAppended = await writer.appendCommitted(result('c2'), () => (isCommitted = true));
    expect(isAppended).toBe(isCommitted);
  }
  await writer.close();
});
