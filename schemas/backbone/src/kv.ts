import { PubHeaders } from '@nats-io/jetstream';
import { CodedError, decode, encode } from '@pizzapi/protocol';
import { RetryDelay } from './retryDelay.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { lastOf } from './direct.js';
import { goneReason, isForeign, OPERATION, type GoneReason, type KvEntry } from './kvEntry.js';
import { header, writeHeaders, type StoredMessage } from './message.js';
import type { PublishOutcome } from './publisher.js';
import { bucketStream, keySubject } from './streams.js';
import { watchEntries } from './watchEntries.js';

export type { GoneReason } from './kvEntry.js';

/** How long a read or write of a bucket is tried again before it throws `unavailable`, in ms. */
export const KV_PATIENCE_MS = 10_000;

const KEY = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

export type KvWrite = { kind: 'stored'; revision: number } | { kind: 'conflict'; revision: number };

export type KvChange<T> =
  | { kind: 'value'; key: string; value: T; revision: number }
  | { kind: 'gone'; key: string; revision: number; reason: GoneReason }
  /** All values that existed when the watch started have been reported. */
  | { kind: 'ready' };

/** A value that is not what the bucket holds is passed over, counted by `onPoison` where that is given. */
export interface BucketOptions<T> {
  check?: (value: unknown) => value is T;
  onPoison?: (key: string, revision: number) => void;
}

export interface WriteOptions {
  /** How long the value stays, in ms; the server counts whole seconds, one at least. Without it: until it is deleted. */
  ttlMs?: number | undefined;
}

export interface DeleteOptions {
  /** Deletes only what has this revision. */
  revision?: number | undefined;
  /** How long the bucket remembers that the key was deleted, in ms: for keys that are never used again. */
  markerMs?: number | undefined;
}

/** Typed access to one bucket. Values are msgpack maps; a revision is the offset of the write in the bucket's stream. */
export interface Bucket<T> {
  readonly name: string;
  get(key: string): Promise<{ value: T; revision: number } | undefined>;
  /** Stores when there is no value. `conflict` carries the revision that is there. */
  create(key: string, value: T, options?: WriteOptions): Promise<KvWrite>;
  /** Stores when the current revision is still `revision` (0 = no value ever). A TTL is the write's own: none is kept. */
  update(key: string, value: T, revision: number, options?: WriteOptions): Promise<KvWrite>;
  put(key: string, value: T, options?: WriteOptions): Promise<number>;
  /** `stored` carries the revision of the deletion. `conflict` only when a revision was asked for. */
  delete(key: string, options?: DeleteOptions): Promise<KvWrite>;
  /** The keys that begin with `prefix`, which ends with a dot; without a dot at its end it is a pattern, as `a.*.c`. */
  keys(prefix?: string): Promise<string[]>;
  /** The values there are now, by their keys; `prefix` as above. */
  all(prefix?: string): Promise<Map<string, T>>;
  /** How many keys begin with `prefix`, those whose marker of a deletion is still there among them. */
  count(prefix: string): Promise<number>;
  /** All values there are, then every change, until the signal aborts. Survives every failure of the backbone. */
  watch(options: KvWatchOptions): AsyncIterable<KvChange<T>>;
}

export interface KvWatchOptions {
  signal: AbortSignal;
  prefix?: string;
  /** A value of another shape is skipped, or reported as a key that is gone. Default: skipped. */
  unreadable?: 'skip' | 'gone';
}

/** Opens a bucket. Nothing is sent: it must have been provisioned. */
export function bucket<T>(b: Backbone, name: string, options: BucketOptions<T> = {}): Bucket<T> {
  return new OpenBucket(internals(b).forBucket(name), name, options);
}

/** Reads a key, trying again while the backbone is out of reach, for ten seconds. */
export async function readEntry(connection: BackboneConnection, name: string, key: string): Promise<KvEntry> {
  const answer = await retryUntilDeadline(async () => {
    const got = await lastOf(connection, bucketStream(name), subjectOfKey(name, key));
    return got.kind === 'unavailable' ? undefined : got;
  });
  if (answer.kind === 'none') return { kind: 'gone', revision: 0 };
  const { message } = answer;
  const foreign = isForeign(connection, name, message);
  return !foreign && goneReason(message) === undefined
    ? { kind: 'value', message }
    : { kind: 'gone', revision: message.seq };
}

/** Tries until `attempt` gives an answer; throws `unavailable` after ten seconds without one. */
export async function retryUntilDeadline<T>(
  attempt: () => Promise<T | undefined>,
  patienceMs = KV_PATIENCE_MS,
): Promise<T> {
  const retry = new RetryDelay();
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const result = await attempt();
    if (result !== undefined) return result;
    if (Date.now() > deadline) throw new CodedError('unavailable', 'nats-server did not answer');
    await retry.wait();
  }
}

function subjectOfKey(name: string, key: string): string {
  if (!KEY.test(key)) throw new CodedError('invalid_id', `"${key.slice(0, 80)}" is not a key`);
  return keySubject(name, key);
}

type Field = [name: string, value: string | number];

const lifetime = (ms: number | undefined): Field[] =>
  ms === undefined ? [] : [[PubHeaders.MessageTTL, `${Math.max(1, Math.ceil(ms / 1_000))}s`]];

class OpenBucket<T> implements Bucket<T> {
  constructor(
    private readonly connection: BackboneConnection,
    readonly name: string,
    private readonly options: BucketOptions<T>,
  ) {}

  async get(key: string): Promise<{ value: T; revision: number } | undefined> {
    const entry = await readEntry(this.connection, this.name, key);
    if (entry.kind === 'gone') return undefined;
    const value = this.read(key, entry.message);
    return value === undefined ? undefined : { value, revision: entry.message.seq };
  }

  async create(key: string, value: T, options?: WriteOptions): Promise<KvWrite> {
    const first = await this.update(key, value, 0, options);
    if (first.kind === 'stored') return first;
    // A deleted key has a revision too: that of its marker.
    const entry = await readEntry(this.connection, this.name, key);
    return entry.kind === 'value'
      ? { kind: 'conflict', revision: entry.message.seq }
      : this.update(key, value, entry.revision, options);
  }

  async update(key: string, value: T, revision: number, { ttlMs }: WriteOptions = {}): Promise<KvWrite> {
    const bytes = encode(value);
    const id = `${this.name}.${crypto.randomUUID()}`;
    const outcome = await this.send(key, bytes, [
      [PubHeaders.ExpectedLastSubjectSequenceHdr, revision],
      ['Nats-Msg-Id', id],
      ...lifetime(ttlMs),
    ]);
    if (outcome.kind === 'stored') return { kind: 'stored', revision: outcome.seq };
    const entry = await readEntry(this.connection, this.name, key);
    if (entry.kind === 'gone') return { kind: 'conflict', revision: entry.revision };
    // An earlier attempt of this very write may have been stored, its answer lost.
    const ours = header(entry.message.text, 'Nats-Msg-Id') === id;
    return { kind: ours ? 'stored' : 'conflict', revision: entry.message.seq };
  }

  async put(key: string, value: T, { ttlMs }: WriteOptions = {}): Promise<number> {
    const id = `${this.name}.${crypto.randomUUID()}`;
    const outcome = await this.send(key, encode(value), [['Nats-Msg-Id', id], ...lifetime(ttlMs)]);
    if (outcome.kind === 'conflict')
      throw new CodedError('internal', `A write of ${this.name}.${key} without a condition met a conflict`);
    return outcome.seq;
  }

  async delete(key: string, { revision, markerMs }: DeleteOptions = {}): Promise<KvWrite> {
    const outcome = await this.send(key, new Uint8Array(0), [
      [OPERATION, 'DEL'],
      ['Nats-Msg-Id', `${this.name}.${crypto.randomUUID()}`],
      ...lifetime(markerMs),
      ...(revision === undefined ? [] : [[PubHeaders.ExpectedLastSubjectSequenceHdr, revision] as Field]),
    ]);
    if (outcome.kind === 'stored') return { kind: 'stored', revision: outcome.seq };
    const entry = await readEntry(this.connection, this.name, key);
    return { kind: 'conflict', revision: entry.kind === 'value' ? entry.message.seq : entry.revision };
  }

  async keys(prefix = ''): Promise<string[]> {
    return [...(await this.all(prefix)).keys()];
  }

  async all(prefix = ''): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    const stop = new AbortController();
    // The backbone may be unavailable: waits as long as values arrive, but not during silence.
    const patience = setTimeout(() => stop.abort(), KV_PATIENCE_MS);
    try {
      for await (const change of this.watch({ signal: stop.signal, prefix })) {
        patience.refresh();
        if (change.kind === 'ready') return found;
        if (change.kind === 'value') found.set(change.key, change.value);
      }
    } finally {
      clearTimeout(patience);
      stop.abort();
    }
    throw new CodedError('unavailable', 'nats-server did not answer');
  }

  async count(prefix: string): Promise<number> {
    const { connection, name } = this;
    const query = { subjects_filter: keySubject(name, `${prefix}>`) };
    const info = await connection.whileConnected(connection.jsm.streams.info(bucketStream(name), query));
    return Object.keys(info.state.subjects ?? {}).length;
  }

  async *watch({ signal, prefix = '', unreadable }: KvWatchOptions): AsyncGenerator<KvChange<T>, void, void> {
    for await (const { message, key, reason } of watchEntries(this.connection, this.name, prefix, signal)) {
      if (key === undefined) yield { kind: 'ready' };
      else if (reason !== undefined) yield { kind: 'gone', key, revision: message?.seq ?? 0, reason };
      else if (message !== undefined) {
        const value = this.read(key, message);
        if (value !== undefined) yield { kind: 'value', key, value, revision: message.seq };
        else if (unreadable === 'gone') yield { kind: 'gone', key, revision: message.seq, reason: 'unreadable' };
      }
    }
  }

  private send(
    key: string,
    bytes: Uint8Array,
    fields: Field[],
  ): Promise<Exclude<PublishOutcome, { kind: 'unavailable' }>> {
    const subject = subjectOfKey(this.name, key);
    const headers = writeHeaders(fields);
    return retryUntilDeadline(async () => {
      const outcome = await this.connection.publisher.publish(subject, bytes, headers);
      return outcome.kind === 'unavailable' ? undefined : outcome;
    });
  }

  private read(key: string, message: StoredMessage): T | undefined {
    const { check, onPoison } = this.options;
    try {
      const value = decode(message.payload);
      if (check === undefined || check(value)) return value as T;
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
    }
    this.connection.log.warn({ bucket: this.name, key, revision: message.seq }, 'value has an invalid shape');
    onPoison?.(key, message.seq);
    return undefined;
  }
}
