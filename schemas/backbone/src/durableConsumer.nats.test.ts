import { CodedError, encode, subjects } from '@pizzapi/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { internals } from './connection.js';
import { consumeDurably } from './durableConsumer.js';
import { writeHeaders } from './message.js';
import { numbered, numberOf, startScenario, upTo, Watched, type BackboneScenario } from './scenario.js';
import type { SessionWriter } from './sessionWriter.js';
import { SESSIONS_STREAM } from './streams.js';
import type { StoredRecord } from './consume.js';

let s: BackboneScenario;
let writer: SessionWriter;
let name: string;
let count = 0;
beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());
beforeEach(async () => {
  name = `reader-${++count}`;
  writer = await s.writer(`sid-${count}`, 1);
});

interface Reader {
  read: Watched<unknown>;
  opened: Promise<void>;
  ended: Promise<void>;
  stop(): Promise<void>;
}

/** Reads by `name`. What `handle` throws is the handler's error. */
function reader(handle: (record: StoredRecord) => Promise<void> | void = () => undefined, b = s.b): Reader {
  const stopping = new AbortController();
  const read = new Watched<unknown>();
  let ended: Promise<void> = Promise.resolve();
  const opened = new Promise<void>((resolve) => {
    ended = consumeDurably(b, SESSIONS_STREAM, {
      ...{ name, types: ['note'], signal: stopping.signal, onOpen: resolve },
      onEvent: async (record) => {
        await handle(record);
        read.push(numberOf(record));
      },
    });
  });
  ended.catch(() => undefined);
  return {
    ...{ read, opened, ended },
    stop: () => (stopping.abort(), ended),
  };
}

const write = async (...numbers: number[]): Promise<void> => {
  for (const i of numbers) await writer.append(numbered(i));
};

describe('a durable reader', () => {
  it('begins with what comes, and its successor where it ended', async () => {
    await write(0);
    const first = reader();
    await first.opened;
    await write(1, 2);
    await first.read.until((items) => items.length === 2);
    await first.stop();
    await write(3, 4);
    const second = reader();
    await second.read.until((items) => items.length === 2);
    await second.stop();
    expect([first.read.items, second.read.items]).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('hands over the types that are wanted, of what its own writer published', async () => {
    const { nc, publisher } = internals(s.b);
    const subject = subjects.sessionEvents(`sid-${count}`);
    const first = reader();
    await first.opened;
    const { foreignMessages } = s.b.counters;
    await writer.append({ type: 'other', at: 0 });
    // Somebody's acknowledgement, and a message without an id of this session.
    nc.publish(subjects.sessionEvents('mine'), encode(numbered(7)), { reply: subject });
    await nc.flush();
    await publisher.publish(subjects.sessionEvents('mine'), encode(numbered(8)), writeHeaders([]));
    const stored = async () =>
      (await internals(s.b).jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj: subject }))!;
    while ((await stored()).header.get('Nats-Msg-Id') !== '') await new Promise((resolve) => setTimeout(resolve, 5));
    const next = await s.writer(`sid-${count}`, 2);
    await next.append(numbered(1));
    await first.read.until((items) => items.length === 1);
    await first.stop();
    expect(first.read.items).toEqual([1]);
    expect(s.b.counters.foreignMessages).toBeGreaterThan(foreignMessages);
  });

  it('stops at once, also while it only just begins', async () => {
    const began = performance.now();
    for (let turns = 0; turns < 6; turns++) {
      const first = reader();
      await first.opened;
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      await first.stop();
    }
    // One that waits for messages all the same waits ten seconds.
    expect(performance.now() - began).toBeLessThan(9_000);
  });

  it('gets an event again when it could not be handled yet', async () => {
    let tries = 0;
    const first = reader(() => {
      if (++tries < 3) throw new CodedError('unavailable');
    });
    await first.opened;
    await write(1, 2);
    await first.read.until((items) => items.length === 2);
    await first.stop();
    expect([first.read.items, tries]).toEqual([[1, 2], 4]);
  });

  it('ends with what its handler throws, and whoever comes next gets that event', async () => {
    const first = reader((record) => {
      if (numberOf(record) === 2) throw new TypeError('a bug');
    });
    await first.opened;
    await write(1, 2, 3);
    await expect(first.ended).rejects.toThrow('a bug');
    const second = reader();
    await second.read.until((items) => items.length === 2);
    await second.stop();
    expect([first.read.items, second.read.items]).toEqual([[1], [2, 3]]);
  });

  it.each([0, 3])(
    'leaves what it had not handled to its successor, at once and in order, after %i',
    async (handled) => {
      await write(99);
      const reached = new Watched<unknown>();
      const first = reader((record) => {
        reached.push(numberOf(record));
        // As good as dead.
        return numberOf(record) === handled ? new Promise<void>(() => undefined) : undefined;
      });
      await first.opened;
      await write(...upTo(40));
      await reached.until((items) => items.includes(handled));
      const second = reader(undefined, await s.connect());
      await second.opened;
      await write(40);
      await second.read.until((items) => items.includes(40));
      await second.stop();
      expect(first.read.items).toEqual(upTo(handled));
      expect(second.read.items).toEqual(upTo(41).slice(handled));
    },
  );

  it('goes on when its consumer was taken away', async () => {
    const first = reader();
    await first.opened;
    await write(1);
    await first.read.until((items) => items.length === 1);
    await internals(s.b).jsm.consumers.delete(SESSIONS_STREAM, name);
    // What comes until it has a consumer again is lost with it.
    let i = 1;
    while (first.read.items.length === 1) {
      await write(++i);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await first.stop();
  });

  it('goes on after the server was gone, without an event left out', async () => {
    const first = reader();
    await first.opened;
    await write(...upTo(20));
    await s.nats.kill9();
    await s.nats.restart();
    await write(...upTo(40).slice(20));
    const all = await first.read.until((items) => items.includes(39));
    await first.stop();
    expect([...new Set(all)]).toEqual(upTo(40));
  });
});
