import { RetryDelay } from './retryDelay.js';
import type { BackboneConnection } from './connection.js';
import { catchUpAtLeader } from './leaderRead.js';
import type { GoneReason } from './bucket.js';
import { goneReason, isForeign } from './kvEntry.js';
import { prefixSubject } from './kvList.js';
import type { StoredMessage } from './message.js';
import { readOrdered } from './reader.js';
import { RendezvousChannel } from './rendezvousChannel.js';
import { bucketStream, keySubject } from './streams.js';

/** Messages that one round of `catchUp` reads at most. */
const CATCH_UP = 64;

/** One change of a key. Without a key: all existing keys have been reported. */
export interface EntryChange {
  key?: string;
  message?: StoredMessage;
  reason?: Exclude<GoneReason, 'unreadable'>;
}

/**
 * Every key's last message, then every change. A watcher that was cut off lists all keys anew: a key it knew that is
 * not in the list went meanwhile, and its marker may have gone too. The list has every write that was acknowledged before
 * the watch began.
 */
export async function* watchEntries(
  connection: BackboneConnection,
  name: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<EntryChange, void, void> {
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  const watch = new EntryWatch(connection, name, prefix, ended);
  const reading = watch.run();
  try {
    for await (const changes of watch.changes) yield* changes;
  } finally {
    stop.abort();
    await reading;
  }
}

class EntryWatch {
  readonly changes: RendezvousChannel<EntryChange[]>;
  private readonly stream: string;
  private readonly filter: string;
  private readonly keyStart: number;
  private readonly known = new Map<string, number>();
  private listed = new Set<string>();
  private toList = 0;
  private isListed = false;
  /** The last offset that the list covers, and of which nothing earlier is new. */
  private covered = 0;
  private work: Promise<void> = Promise.resolve();

  constructor(
    private readonly connection: BackboneConnection,
    private readonly name: string,
    prefix: string,
    private readonly signal: AbortSignal,
  ) {
    this.changes = new RendezvousChannel<EntryChange[]>(signal);
    this.stream = bucketStream(name);
    this.filter = prefixSubject(name, prefix);
    this.keyStart = keySubject(name, '').length;
  }

  run(): Promise<void> {
    const { connection, stream, filter, signal } = this;
    return readOrdered(connection, {
      stream,
      filter,
      signal,
      start: async () => 'last_per_subject',
      onOpen: (pending) =>
        void this.inOrder(async () => {
          this.listed = new Set();
          this.covered = 0;
          this.toList = pending;
          if (pending === 0) await this.endList();
        }),
      // What was to be listed and was replaced or removed meanwhile never comes.
      onIdle: () =>
        void this.inOrder(async () => {
          if (this.toList > 0) await this.endList();
        }),
      onBatch: (messages) => this.inOrder(() => this.take(messages)),
    });
  }

  private inOrder(step: () => Promise<void>): Promise<void> {
    this.work = this.work.then(step);
    return this.work;
  }

  private async take(messages: readonly StoredMessage[]): Promise<void> {
    let changes: EntryChange[] = [];
    for (const message of messages) {
      changes.push(...this.read(message));
      if (this.toList > 0 && --this.toList === 0) {
        await this.send(changes);
        changes = [];
        await this.endList();
      }
    }
    await this.send(changes);
  }

  /** Takes one message in. Returns the change that it makes, if any. */
  private read(message: StoredMessage): EntryChange[] {
    const key = message.subject.slice(this.keyStart);
    const reason = goneReason(message);
    const before = this.known.get(key);
    const isListing = this.toList > 0;
    if (!isListing && message.seq <= this.covered) return [];
    this.covered = Math.max(this.covered, message.seq);
    if (isForeign(this.connection, this.name, message)) return [];
    if (isListing && reason === undefined) this.listed.add(key);
    if (message.seq <= (before ?? 0)) return [];
    if (reason === undefined) {
      this.known.set(key, message.seq);
      return [{ key, message }];
    }
    this.known.delete(key);
    this.listed.delete(key);
    return before === undefined ? [] : [{ key, message, reason }];
  }

  /** Reports the end of the list, and the known keys that are missing from it. */
  private async endList(): Promise<void> {
    this.toList = Math.max(this.toList, 1);
    await this.send(await this.catchUp());
    this.toList = 0;
    const lost = [...this.known.keys()].filter((key) => !this.listed.has(key));
    for (const key of lost) this.known.delete(key);
    this.listed = new Set();
    const changes: EntryChange[] = lost.map((key) => ({ key, reason: 'expired' }));
    if (!this.isListed) changes.push({});
    this.isListed = true;
    await this.send(changes);
  }

  /** Reads what the leader stored and the server that made the list did not have yet. Nothing without a cluster. */
  private async catchUp(): Promise<EntryChange[]> {
    const { connection, stream, filter, signal } = this;
    const changes: EntryChange[] = [];
    const retry = new RetryDelay();
    while (connection.isClustered && !signal.aborted && connection.status() !== 'closed') {
      const newer = await catchUpAtLeader(connection, stream, filter, this.covered, CATCH_UP);
      if (newer.kind === 'read') {
        changes.push(...newer.messages.flatMap((message) => this.read(message)));
        if (newer.isComplete) break;
      } else {
        await connection.connected(signal);
        await retry.wait(signal);
      }
    }
    return changes;
  }

  private async send(changes: EntryChange[]): Promise<void> {
    if (changes.length > 0) await this.changes.send(changes);
  }
}
