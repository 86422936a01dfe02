import { inside, type Backbone, type Connection } from './connection.js';
import type { StoredMessage } from './message.js';
import { readOrdered } from './reader.js';
import type { StoredEvent } from './replay.js';

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
  /** So many records were waiting when the reading began, or began again. */
  onOpen?: (pending: number) => void;
  /** The stream ends before `after`: it is another one than it was. Reading begins at its first record. */
  onReset?: () => void;
  signal: AbortSignal;
}

/** Reads a whole stream in order from an offset, then what comes, until the signal aborts. */
export async function consumeStream(b: Backbone, stream: string, options: ConsumeOptions): Promise<void> {
  const connection = inside(b);
  let position = options.after;
  await readOrdered(connection, {
    stream,
    filter: options.filter ?? '>',
    signal: options.signal,
    ...(options.onOpen === undefined ? {} : { onOpen: options.onOpen }),
    start: async () => {
      if (position > (await lastSeqOf(connection, stream))) {
        position = 0;
        options.onReset?.();
      }
      return { after: position };
    },
    onBatch: async (messages: StoredMessage[]) => {
      await options.onBatch(messages);
      position = messages.at(-1)?.seq ?? position;
    },
  });
}

async function lastSeqOf({ jsm }: Connection, stream: string): Promise<number> {
  return (await jsm.streams.info(stream)).state.last_seq;
}

/** The last offset of a stream, whatever its subject. */
export async function streamHead(b: Backbone, stream: string): Promise<number> {
  return lastSeqOf(inside(b), stream);
}
