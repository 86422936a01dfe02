import { internals, type Backbone } from './connection.js';
import type { StoredMessage } from './message.js';
import { readOrdered } from './reader.js';
import type { StoredEvent } from './replay.js';
import { sessionStreams } from './streams.js';

/** A message of a stream, with the subject it is on. */
export interface StoredRecord extends StoredEvent {
  readonly subject: string;
}

export interface ConsumeOptions {
  /** Records after this offset. */
  after: number;
  /** Records in order. The next batch waits; an error ends the reading and is thrown from `consumeStream`. */
  onBatch: (records: StoredRecord[]) => Promise<void> | void;
  /** Records of this subject only (wildcards allowed); nothing = all of the stream. */
  filter?: string;
  /** See `ReadOptions.name`. */
  name?: string;
  /** So many records were waiting when the reading began, or began again. */
  onOpen?: (pending: number) => void;
  /** The stream ends before `after`: it is another one than it was. Reading begins at its first record. */
  onReset?: () => void;
  signal: AbortSignal;
}

/**
 * Reads one of the streams of facts in order from an offset, then what comes, until the signal aborts. What was not
 * published by who may (`StoredMessage.genuine`) is passed over and counted.
 */
export async function consumeStream(b: Backbone, stream: string, options: ConsumeOptions): Promise<void> {
  const connection = internals(b);
  const { filter = '>' } = options;
  let position = options.after;
  await readOrdered(connection, {
    stream,
    filter,
    signal: options.signal,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.onOpen === undefined ? {} : { onOpen: options.onOpen }),
    start: async () => {
      if (position > 0 && position > (await streamHead(b, stream))) {
        position = 0;
        options.onReset?.();
      }
      return { after: position };
    },
    onBatch: async (messages: StoredMessage[]) => {
      const records = messages.filter(({ genuine }) => genuine);
      connection.counters.foreignMessages += messages.length - records.length;
      if (records.length > 0) await options.onBatch(records);
      position = messages.at(-1)?.seq ?? position;
    },
  });
}

/** The last offset of a stream, whatever its subject. */
export async function streamHead(b: Backbone, stream: string): Promise<number> {
  return (await internals(b).jsm.streams.info(stream)).state.last_seq;
}

/** Whether no event was ever stored in the log, in none of its partitions. */
export async function isNewLog(b: Backbone): Promise<boolean> {
  const heads = logStreams(b).map((stream) => streamHead(b, stream));
  return (await Promise.all(heads)).every((head) => head === 0);
}

/** How many partitions the log has. Known after `provision` or `verifyProvisioned`. */
export const partitionsOf = (b: Backbone): number => internals(b).partitions;

/** The streams of the log, by partition. */
export const logStreams = (b: Backbone): string[] => sessionStreams(partitionsOf(b));
