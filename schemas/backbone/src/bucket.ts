/** Why a key is no more. */
export type GoneReason = 'deleted' | 'expired' | 'unreadable';

export type KvWrite = { kind: 'stored'; revision: number } | { kind: 'conflict'; revision: number };

export type KvChange<T> =
  | { kind: 'value'; key: string; value: T; revision: number }
  | { kind: 'gone'; key: string; revision: number; reason: GoneReason }
  /** All values that existed when the watch started have been reported. */
  | { kind: 'ready' };

/** A write of a bucket, as `updates` reports it. */
export type KvUpdate<T> =
  /** `read` decodes the value, when it is called; undefined where it is of another shape. */
  | { kind: 'value'; key: string; revision: number; read: () => T | undefined }
  | { kind: 'gone'; key: string; revision: number }
  /** Every write after `revision` is reported. What was there before must be read from now on. */
  | { kind: 'ready'; revision: number }
  /** Writes may have been missed. Every write after `revision` is reported: what is held must be read anew. */
  | { kind: 'reset'; revision: number };

/** A value with its key. */
export interface KvItem<T> {
  key: string;
  value: T;
  revision: number;
}

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
  /** The values of many keys, in few requests: a key without a value is missing. */
  getMany(keys: Iterable<string>): Promise<Map<string, { value: T; revision: number }>>;
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
  /**
   * Yields the values there are now, by rising revision, and holds few of them in memory; `prefix` as above. A value that is
   * written meanwhile can come twice, the later one last. Ends early when the signal aborts.
   */
  list(prefix?: string, signal?: AbortSignal): AsyncIterable<KvItem<T>>;
  /** The same without values, which are not read. */
  listKeys(prefix?: string, signal?: AbortSignal): AsyncIterable<Omit<KvItem<T>, 'value'>>;
  /**
   * How many keys begin with `prefix`, those whose marker of a deletion is still there among them. One small request,
   * however many there are.
   */
  count(prefix: string): Promise<number>;
  /** All values there are, then every change, until the signal aborts. Survives every failure of the backbone. */
  watch(options: KvWatchOptions): AsyncIterable<KvChange<T>>;
  /**
   * Every write from now on, without a list of what is there, until the signal aborts; `prefix` as above. After a failure of
   * the backbone it continues where it was, or reports `reset`. A value that expires is not reported.
   */
  updates(options: { signal: AbortSignal; prefix?: string }): AsyncIterable<KvUpdate<T>>;
}

export interface KvWatchOptions {
  signal: AbortSignal;
  prefix?: string;
  /** A value of another shape is skipped, or reported as a key that is gone. Default: skipped. */
  unreadable?: 'skip' | 'gone';
}
