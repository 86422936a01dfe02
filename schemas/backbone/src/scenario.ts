import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from '@pizzapi/protocol';
import { connectBackbone, type Backbone } from './connection.js';
import { provision } from './provision.js';
import { replay, type StoredEvent } from './replay.js';
import { mappingsConfig, startTestNats, type TestNats } from './testing/index.js';
import type { SessionWriter, WriterOptions } from './sessionWriter.js';
import { openWriter } from './writer.js';

/** A server of its own, provisioned, and what a test of this package does with it. */
export interface BackboneScenario {
  readonly nats: TestNats;
  readonly b: Backbone;
  readonly spoolDir: string;
  /** One more connection to the same server. */
  connect(): Promise<Backbone>;
  writer(
    sid: string,
    epoch: number,
    more?: { b?: Backbone } & Pick<WriterOptions, 'maxSpoolBytes' | 'resumed'>,
  ): Promise<SessionWriter>;
  /** Every stored event of a session. */
  stored(sid: string): Promise<StoredEvent[]>;
  end(): Promise<void>;
}

export async function startScenario({ partitions = 1 }: { partitions?: number } = {}): Promise<BackboneScenario> {
  const nats = await startTestNats({ config: mappingsConfig(partitions) });
  const open: Backbone[] = [];
  const connect = async (): Promise<Backbone> => {
    const b = await connectBackbone({ url: nats.url, name: 'test', partitions });
    open.push(b);
    return b;
  };
  const b = await connect();
  await provision(b);
  const spoolDir = await mkdtemp(join(tmpdir(), 'pizzapi-spool-'));
  return {
    nats,
    b,
    spoolDir,
    connect,
    writer: (sid, epoch, { b: by = b, ...more } = {}) => openWriter(by, { sid, epoch, spoolDir, ...more }),
    stored: async (sid) => (await collect(replay(b, sid))).flat(),
    end: async () => {
      await Promise.all(open.map((each) => each.close()));
      await nats.stop();
      await rm(spoolDir, { recursive: true, force: true });
    },
  };
}

/** An event whose payload says which one it is. */
export const numbered = (i: number): { type: string; at: number; i: number } => ({ type: 'note', at: 0, i });

/** The number of an event made by `numbered`. */
export const numberOf = (event: StoredEvent): unknown => (decode(event.payload) as { i?: unknown }).i;

/** 0 … count − 1. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of source) all.push(value);
  return all;
}

/** A list that others fill, and a promise for the moment it looks a certain way. */
export class Watched<T> {
  readonly items: T[] = [];
  private checks: (() => void)[] = [];

  push(...items: T[]): void {
    this.items.push(...items);
    for (const check of [...this.checks]) check();
  }

  until(done: (items: T[]) => boolean): Promise<T[]> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!done(this.items)) return;
        this.checks = this.checks.filter((each) => each !== check);
        resolve(this.items);
      };
      this.checks.push(check);
      check();
    });
  }
}
