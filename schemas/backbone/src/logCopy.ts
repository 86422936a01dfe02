import { PubHeaders } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/nats-core';
import { CodedError, parseSubject, partitionOf, partitionSubject } from '@pizzapi/protocol';
import type { BackboneConnection } from './connection.js';
import { lastingHeaders } from './logProof.js';
import type { StoredMessage } from './message.js';
import { headersOfLines } from './message.js';
import { isFull, type PublishOutcome } from './publisher.js';
import { readLong } from './replay.js';
import { RetryDelay } from './retryDelay.js';
import { partitionStream } from './streams.js';

/** Messages on their way to one stream at once, and their bytes. */
const BATCH = 256;
const BATCH_BYTES = 4 * 1024 * 1024;
/** The room of the header that a copy has beside those of its message. */
const EXPECTED_BYTES = 64;
/** Attempts without any progress before the copy gives up. It can be continued. */
const ATTEMPTS = 60;

/** A message with the stream that it was read from. */
export interface SourcedMessage {
  source: number;
  message: StoredMessage;
}

/** A stream and how many messages it holds. No one writes to it meanwhile. */
export interface SealedStream {
  name: string;
  messages: number;
}

export interface MergeOptions {
  signal?: AbortSignal | undefined;
  /** Messages of a lower rank come first. Within one stream the rank never falls. */
  rank?: (source: number, seq: number) => number;
}

/**
 * All messages of several streams by their rank and the time at which they were stored, those of one stream in their order.
 * The order is the same each time.
 */
export async function* mergedMessages(
  connection: BackboneConnection,
  streams: readonly SealedStream[],
  { signal, rank = () => 0 }: MergeOptions = {},
): AsyncGenerator<SourcedMessage, void, void> {
  const readers = streams.map(({ name, messages }) => messagesOf(connection, name, messages, signal));
  yield* merged(readers, rank);
}

/** The messages of several readers by their rank and the time at which they were stored, those of one reader in their order. */
export async function* merged(
  readers: readonly AsyncGenerator<StoredMessage, void, void>[],
  rank: NonNullable<MergeOptions['rank']> = () => 0,
): AsyncGenerator<SourcedMessage, void, void> {
  try {
    const heads = await Promise.all(readers.map(async (reader) => (await reader.next()).value ?? undefined));
    const isBefore = (one: number, other: number): boolean => {
      const [a, b] = [heads[one]!, heads[other]!];
      const difference = rank(one, a.seq) - rank(other, b.seq);
      return difference === 0 ? a.at < b.at : difference < 0;
    };
    for (;;) {
      let source = -1;
      for (const [index, head] of heads.entries()) {
        if (head !== undefined && (source < 0 || isBefore(index, source))) source = index;
      }
      const message = heads[source];
      if (message === undefined) return;
      yield { source, message };
      heads[source] = (await readers[source]!.next()).value ?? undefined;
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.return()));
  }
}

async function* messagesOf(
  connection: BackboneConnection,
  stream: string,
  count: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredMessage, void, void> {
  if (count === 0) return;
  for await (const batch of readLong(connection, stream, '>', 0, count, Number.MAX_SAFE_INTEGER, signal)) yield* batch;
}

/** One stream that receives a copy. */
export class StreamCopy {
  private waiting: { message: StoredMessage; subject: string }[] = [];
  private bytes = 0;
  /** Messages that an earlier run has copied already. */
  private skip: number;

  constructor(
    private readonly connection: BackboneConnection,
    private readonly stream: string,
    /** The offset of the last message that it holds. */
    private lastSeq: number,
    copied: number,
  ) {
    this.skip = copied;
  }

  /** The offset that the next message has, here or in an earlier run. */
  get nextSeq(): number {
    return this.lastSeq - this.skip + this.waiting.length + 1;
  }

  /** Copies a message, which is published on `subject`. */
  async add(message: StoredMessage, subject: string): Promise<void> {
    if (this.skip > 0) {
      this.skip--;
      return;
    }
    this.waiting.push({ message, subject });
    this.bytes += message.payload.byteLength;
    if (this.waiting.length >= BATCH || this.bytes >= BATCH_BYTES) await this.flush();
  }

  /**
   * Stores what waits. Each message names the offset before its own, so that the server refuses what follows a message
   * that it did not store: the order never changes, and nothing is stored twice.
   */
  async flush(): Promise<void> {
    const retry = new RetryDelay();
    let failures = 0;
    let size = BATCH;
    while (this.waiting.length > 0) {
      const outcomes = await Promise.all(this.next(size).map((waiting, at) => this.publish(waiting, at)));
      const failed = outcomes.findIndex((outcome) => outcome.kind !== 'stored' || outcome.duplicate);
      this.advance(failed < 0 ? outcomes.length : failed);
      if (failed < 0) {
        [size, failures] = [BATCH, 0];
        continue;
      }
      const outcome = outcomes[failed]!;
      if (outcome.kind === 'unavailable' && isFull(outcome))
        throw new CodedError('storage_full', `The stream ${this.stream} has no room for the copy`);
      if (++failures > ATTEMPTS) throw new CodedError('unavailable', `The stream ${this.stream} stores nothing`);
      // One at a time: of two messages with one id the server takes the second for a repeat, for a moment.
      size = 1;
      await this.connection.connected();
      await retry.wait();
      await this.advanceToHead();
    }
    this.bytes = 0;
  }

  private advance(stored: number): void {
    this.waiting = this.waiting.slice(stored);
    this.lastSeq += stored;
  }

  /** What the server stored without an answer is not sent again. */
  private async advanceToHead(): Promise<void> {
    const info = await this.connection.jsm.streams.info(this.stream).catch(() => undefined);
    if (info !== undefined) this.advance(Math.max(0, info.state.last_seq - this.lastSeq));
  }

  /** The messages to send together. One that has no room for another header is sent alone. */
  private next(size: number): { message: StoredMessage; subject: string }[] {
    const large = this.waiting.slice(0, size).findIndex(({ message }) => this.isLarge(message));
    return this.waiting.slice(0, large < 0 ? size : Math.max(1, large));
  }

  private isLarge({ text, payload }: StoredMessage): boolean {
    const most = this.connection.nc.info?.max_payload ?? Infinity;
    return text.length + payload.byteLength + EXPECTED_BYTES > most;
  }

  private publish(
    { message, subject }: { message: StoredMessage; subject: string },
    at: number,
  ): Promise<PublishOutcome> {
    const after = this.isLarge(message) ? undefined : this.lastSeq + at;
    return this.connection.publisher.publish(subject, message.payload, copiedHeaders(message, after));
  }
}

/** Copies messages into the streams of the partitions of their sessions. */
export class LogCopy {
  private readonly targets: StreamCopy[];

  /** `positions`: what each stream holds of the copy already. */
  constructor(
    connection: BackboneConnection,
    private readonly partitions: number,
    positions: readonly { lastSeq: number; copied: number }[],
  ) {
    this.targets = positions.map(
      ({ lastSeq, copied }, partition) =>
        new StreamCopy(connection, partitionStream(partitions, partition), lastSeq, copied),
    );
  }

  /** Copies a message of a session. Returns the partition, and the offset that the copy has there. */
  async add(message: StoredMessage, sid: string): Promise<{ partition: number; seq: number }> {
    const partition = partitionOf(sid, this.partitions);
    const target = this.targets[partition]!;
    const seq = target.nextSeq;
    await target.add(message, partitionSubject(this.partitions, sid));
    return { partition, seq };
  }

  /** The offset after the last one of each stream. */
  get ends(): number[] {
    return this.targets.map((target) => target.nextSeq);
  }

  /** Resolves when every message is stored. */
  async flush(): Promise<void> {
    for (const target of this.targets) await target.flush();
  }
}

/** The id of the session that a message belongs to, or undefined for what lies on no session's subject. */
export function sidOf({ subject }: StoredMessage): string | undefined {
  const parsed = parseSubject(subject);
  return parsed?.kind === 'session_events' ? parsed.sid : undefined;
}

/** The headers of a copy. The message id stays the first one: readers look for it there. */
function copiedHeaders({ text }: StoredMessage, after: number | undefined): MsgHdrs {
  const expected = after === undefined ? [] : [`${PubHeaders.ExpectedLastSeqHdr}: ${after}`];
  return headersOfLines([...lastingHeaders(text), ...expected]);
}
