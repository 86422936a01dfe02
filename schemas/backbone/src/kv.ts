import { PubHeaders } from '@nats-io/jetstream';
import { CodedError, decode, encode } from '@pizzapi/protocol';
import { retryUntilDeadline } from './retryDelay.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { batchOf, LAST_OF_MANY, lastOf, lastOfMany } from './direct.js';
import type {
  Bucket,
  BucketOptions,
  DeleteOptions,
  KvChange,
  KvItem,
  KvUpdate,
  KvWatchOptions,
  KvWrite,
  WriteOptions,
} from './bucket.js';
import { listEntries, prefixSubject } from './kvList.js';
import { watchUpdates } from './kvUpdates.js';
import { goneReason, isForeign, OPERATION, type KvEntry } from './kvEntry.js';
import { header, writeHeaders, type StoredMessage } from './message.js';
import type { PublishOutcome } from './publisher.js';
import { bucketStream, keySubject } from './streams.js';
import { watchEntries } from './watchEntries.js';

/** Values that are requested at a leader at once. */
const LEADER_READS = 128;

const KEY = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

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

  async getMany(keys: Iterable<string>): Promise<Map<string, { value: T; revision: number }>> {
    const { connection, name } = this;
    if (connection.isClustered) return this.getManyAtLeader([...keys]);
    const found = new Map<string, { value: T; revision: number }>();
    const wanted = new Map([...keys].map((key) => [subjectOfKey(name, key), key]));
    while (wanted.size > 0) {
      const subjects = [...wanted.keys()].slice(0, LAST_OF_MANY);
      const { messages, complete } = await retryUntilDeadline(async () => {
        const got = await lastOfMany(connection, bucketStream(name), subjects);
        return got.kind === 'read' ? got : undefined;
      });
      for (const message of messages) {
        const key = wanted.get(message.subject);
        if (key === undefined) continue;
        wanted.delete(message.subject);
        const value = this.isGone(message) ? undefined : this.read(key, message);
        if (value !== undefined) found.set(key, { value, revision: message.seq });
      }
      if (complete) for (const subject of subjects) wanted.delete(subject);
    }
    return found;
  }

  /** A server that answers for many keys at once may not have their last values yet. */
  private async getManyAtLeader(keys: readonly string[]): Promise<Map<string, { value: T; revision: number }>> {
    const found = new Map<string, { value: T; revision: number }>();
    for (let at = 0; at < keys.length; at += LEADER_READS) {
      const read = async (key: string) => {
        const entry = await this.get(key);
        if (entry !== undefined) found.set(key, entry);
      };
      await Promise.all(keys.slice(at, at + LEADER_READS).map(read));
    }
    return found;
  }

  async keys(prefix = ''): Promise<string[]> {
    const found = new Set<string>();
    for await (const message of listEntries(this.connection, this.name, { prefix, headersOnly: true })) {
      if (this.isGone(message)) found.delete(this.keyOf(message));
      else found.add(this.keyOf(message));
    }
    return [...found];
  }

  async all(prefix = ''): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    for await (const message of listEntries(this.connection, this.name, { prefix })) {
      const key = this.keyOf(message);
      const value = this.isGone(message) ? undefined : this.read(key, message);
      if (value === undefined) found.delete(key);
      else found.set(key, value);
    }
    return found;
  }

  async *list(prefix = '', signal?: AbortSignal): AsyncGenerator<KvItem<T>, void, void> {
    for await (const message of listEntries(this.connection, this.name, { prefix, signal })) {
      if (this.isGone(message)) continue;
      const key = this.keyOf(message);
      const value = this.read(key, message);
      if (value !== undefined) yield { key, value, revision: message.seq };
    }
  }

  async *listKeys(prefix = '', signal?: AbortSignal): AsyncGenerator<Omit<KvItem<T>, 'value'>, void, void> {
    for await (const message of listEntries(this.connection, this.name, { prefix, headersOnly: true, signal })) {
      if (!this.isGone(message)) yield { key: this.keyOf(message), revision: message.seq };
    }
  }

  async count(prefix: string): Promise<number> {
    const { connection, name } = this;
    const { messages, pending } = await retryUntilDeadline(async () => {
      // A key has one message: the server counts those that match beyond the first.
      const got = await batchOf(connection, bucketStream(name), prefixSubject(name, prefix), 1, 1);
      return got.kind === 'unavailable' ? undefined : got;
    });
    return messages.length + pending;
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

  async *updates({ signal, prefix = '' }: { signal: AbortSignal; prefix?: string }): AsyncGenerator<KvUpdate<T>> {
    for await (const update of watchUpdates(this.connection, this.name, prefix, signal)) {
      if (update.kind !== 'message') {
        yield update;
        continue;
      }
      const { message } = update;
      const key = this.keyOf(message);
      if (this.isGone(message)) yield { kind: 'gone', key, revision: message.seq };
      else yield { kind: 'value', key, revision: message.seq, read: () => this.read(key, message) };
    }
  }

  private keyOf(message: StoredMessage): string {
    return message.subject.slice(keySubject(this.name, '').length);
  }

  private isGone(message: StoredMessage): boolean {
    return isForeign(this.connection, this.name, message) || goneReason(message) !== undefined;
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
