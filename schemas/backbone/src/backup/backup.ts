import type { StreamInfo } from '@nats-io/jetstream';
import { BACKUP_FORMAT, CodedError } from '@pizzapi/protocol';
import { internals, type Backbone, type BackboneConnection } from '../connection.js';
import { getObject } from '../blobs.js';
import { tombstoneLine, tombstones } from '../erasure/tombstones.js';
import { header, StoredMessage } from '../message.js';
import { OPERATION } from '../kvEntry.js';
import { listEntries } from '../kvList.js';
import { refreshIdentity } from '../provision.js';
import { adoptPartitions } from '../partitions.js';
import { readLong } from '../replay.js';
import { infoOf } from '../streamInfo.js';
import {
  AUDIT_STREAM,
  bucketStream,
  COMMANDS_STREAM,
  keySubject,
  RUNNERS_STREAM,
  sessionStreams,
  type BucketName,
} from '../streams.js';
import { sha256Of, type BackupSink } from './backupFolder.js';
import { nextFile, TOMBSTONES_FILE, type BackupManifest, type SegmentEntry } from './manifest.js';
import { encodeMessage, segmentStart } from './segment.js';

/** A segment ends when it has so many bytes: they are in memory until then. */
const SEGMENT_BYTES = 32 * 1024 * 1024;

/**
 * The buckets of a backup, in the order in which they are read: what refers to something comes before it, so that it is
 * there. What is folded from the logs, counted from other rows, or true for a moment only is not in a backup.
 */
export const BACKUP_BUCKETS = [
  'shares',
  'notifications',
  'owners',
  'api-keys',
  'accounts',
] as const satisfies readonly BucketName[];
/** The rows of files. They are read after the logs, and before the files. */
export const FILE_ROWS = 'blob-owners' satisfies BucketName;
/** What the segments with files are of. */
export const FILES = 'files';

export interface BackupProgress {
  /** The stream or bucket that is read. */
  of: string;
  messages: number;
  bytes: number;
}

export interface BackupOptions {
  sink: BackupSink;
  /** The versions of PizzaPi and of its wire. */
  product: string;
  wire: number;
  signal?: AbortSignal | undefined;
  onProgress?: (progress: BackupProgress) => void;
  now?: () => number;
  segmentBytes?: number;
}

export interface BackupOutcome {
  manifest: BackupManifest;
  /** What this run has read. */
  messages: number;
  bytes: number;
}

/**
 * Writes a backup of a running installation. First it takes the last offset of every stream: the cut. Then it reads each
 * stream up to there, then the rows and the bytes of files, and then the buckets. So what an event of the backup refers to is
 * in the backup, unless it was deleted meanwhile.
 *
 * A sink that knows an earlier run gets only what is new in the streams, and new files; the buckets as a whole. A run that was
 * interrupted is continued in the same way. Throws `backup_differs` where the earlier run was of another log.
 */
export async function backUp(b: Backbone, options: BackupOptions): Promise<BackupOutcome> {
  return new Backup(b, options).run();
}

class Backup {
  private readonly connection: BackboneConnection;
  private manifest: BackupManifest;
  private messages = 0;
  private bytes = 0;

  constructor(
    private readonly b: Backbone,
    private readonly options: BackupOptions,
  ) {
    this.connection = internals(b);
    const { product, wire, now = Date.now, sink } = options;
    this.manifest = sink.known ?? {
      ...{ format: BACKUP_FORMAT, product, wire, of: {}, createdAt: now(), updatedAt: now(), isComplete: false },
      ...{ log: '', partitions: 1, cut: {}, epoch: 0, durables: [], segments: [] },
    };
  }

  async run(): Promise<BackupOutcome> {
    const { sink, product, wire, signal, now = Date.now } = this.options;
    await adoptPartitions(this.b);
    const log = (await refreshIdentity(this.b)) ?? '';
    const { partitions, stateConnection } = this.connection;
    if (sink.known !== undefined && (sink.known.log !== log || sink.known.of.sid !== undefined))
      throw new CodedError('backup_differs', 'The folder has a backup of another log');
    const logs = sessionStreams(partitions);
    const streams = [...logs, RUNNERS_STREAM, AUDIT_STREAM, COMMANDS_STREAM];
    const infos = await Promise.all(streams.map((stream) => this.infoAt(this.connection, stream)));
    const cut = Object.fromEntries(infos.map(({ config, state }) => [config.name, state.last_seq]));
    const durables = await this.durables(logs);
    this.manifest = { ...this.manifest, product, wire, log, partitions, durables, isComplete: false };
    // Before the first file: a folder with segments and without a manifest is not written to.
    await sink.save(this.manifest);
    for (const stream of streams) await this.copyStream(stream, cut[stream] ?? 0);
    const rows = await this.copyBucket(FILE_ROWS);
    await this.copyFiles(rows);
    for (const bucket of BACKUP_BUCKETS) await this.copyBucket(bucket);
    const owners = await this.infoAt(stateConnection, bucketStream('owners'));
    signal?.throwIfAborted();
    await this.copyTombstones();
    this.manifest = { ...this.manifest, cut, epoch: owners.state.last_seq, isComplete: true, updatedAt: now() };
    await sink.save(this.manifest);
    return { manifest: this.manifest, messages: this.messages, bytes: this.bytes };
  }

  private async infoAt(connection: BackboneConnection, stream: string): Promise<StreamInfo> {
    const info = await infoOf(connection, stream);
    if (info === undefined) throw new CodedError('not_provisioned', `Missing: ${stream}`);
    return info;
  }

  /** The positions of the readers whose position nats-server stores, by partition. */
  private async durables(logs: readonly string[]): Promise<BackupManifest['durables']> {
    const floors = new Map<string, number[]>();
    for (const [partition, stream] of logs.entries()) {
      for await (const { name, config, ack_floor } of this.connection.jsm.consumers.list(stream)) {
        if (config.durable_name === undefined) continue;
        const known = floors.get(name) ?? logs.map(() => Number.MAX_SAFE_INTEGER);
        known[partition] = ack_floor.stream_seq;
        floors.set(name, known);
      }
    }
    return [...floors].map(([name, each]) => ({ name, floors: each }));
  }

  /** Adds what a stream has behind the last segment of it, up to the cut. */
  private async copyStream(stream: string, cut: number): Promise<void> {
    const after = this.lastOf('stream', stream);
    const segment = new SegmentDraft('stream', stream);
    for await (const message of this.read(this.connection, stream, after, cut)) await this.add(segment, message);
    await this.finish(segment);
  }

  /** Writes a bucket anew, and gives up what an earlier run wrote of it. Returns the keys with their revisions. */
  private async copyBucket(bucket: BucketName): Promise<[key: string, revision: number][]> {
    const connection = this.connection.forBucket(bucket);
    const before = this.manifest.segments.filter(({ kind, of }) => kind === 'bucket' && of === bucket);
    const segment = new SegmentDraft('bucket', bucket);
    const keys: [string, number][] = [];
    const prefix = keySubject(bucket, '');
    await this.infoAt(connection, bucketStream(bucket));
    // To the end, and not to a cut: a key that is written meanwhile moves behind every cut.
    for await (const message of listEntries(connection, bucket, { prefix: '', signal: this.options.signal })) {
      if (header(message.text, OPERATION) !== undefined) continue;
      await this.add(segment, message);
      if (bucket === FILE_ROWS) keys.push([message.subject.slice(prefix.length), message.seq]);
    }
    this.options.signal?.throwIfAborted();
    const gone = new Set(before.map(({ file }) => file));
    await this.finish(segment, (entry) => !gone.has(entry.file));
    return keys;
  }

  /** Adds the files whose rows are new. A file that is gone meanwhile was deleted. */
  private async copyFiles(rows: readonly [key: string, revision: number][]): Promise<void> {
    const after = this.lastOf('files', FILES);
    const segment = new SegmentDraft('files', FILES);
    for (const [key, revision] of rows) {
      this.options.signal?.throwIfAborted();
      const blob = revision > after ? await getObject(this.b, key) : undefined;
      if (blob === undefined) continue;
      const { bytes: payload, mediaType: text } = blob;
      await this.add(
        segment,
        new StoredMessage({ seq: revision, prevSeq: 0, subject: key, text, payload, at: this.manifest.createdAt }),
      );
    }
    await this.finish(segment);
  }

  /** The list of what was erased, for a restore of an older backup. The backup has them among the owners too. */
  private async copyTombstones(): Promise<void> {
    const lines: Buffer[] = [];
    for await (const tombstone of tombstones(this.b)) lines.push(Buffer.from(tombstoneLine(tombstone)));
    await this.options.sink.put(TOMBSTONES_FILE, lines.length === 0 ? [Buffer.alloc(0)] : lines);
  }

  private lastOf(kind: SegmentEntry['kind'], of: string): number {
    const segments = this.manifest.segments.filter((segment) => segment.kind === kind && segment.of === of);
    return segments.reduce((last, segment) => Math.max(last, segment.last), 0);
  }

  private async *read(
    connection: BackboneConnection,
    stream: string,
    after: number,
    cut: number,
  ): AsyncGenerator<StoredMessage, void, void> {
    const { signal } = this.options;
    if (after >= cut) return;
    for await (const batch of readLong(connection, stream, '>', after, Number.MAX_SAFE_INTEGER, cut, signal))
      for (const message of batch) if (message.seq <= cut) yield message;
    signal?.throwIfAborted();
    if (connection.status() === 'closed') throw new CodedError('unavailable', 'The connection was closed');
  }

  private async add(segment: SegmentDraft, message: StoredMessage): Promise<void> {
    segment.add(message);
    this.messages++;
    if (segment.bytes >= (this.options.segmentBytes ?? SEGMENT_BYTES)) await this.finish(segment);
  }

  /** Writes the segment, and begins another one. `keeps`: the segments that stay in the manifest. */
  private async finish(segment: SegmentDraft, keeps?: (entry: SegmentEntry) => boolean): Promise<void> {
    const { sink, now = Date.now } = this.options;
    const segments = keeps === undefined ? this.manifest.segments : this.manifest.segments.filter(keeps);
    if (segment.isEmpty) {
      this.manifest = { ...this.manifest, segments };
      return;
    }
    const { parts, entry } = segment.take(nextFile(this.manifest, segment.of));
    await sink.put(entry.file, parts);
    this.bytes += entry.bytes;
    this.manifest = { ...this.manifest, segments: [...segments, entry], updatedAt: now() };
    // A backup that is not complete is continued behind the last file that the manifest names.
    await sink.save(this.manifest);
    this.options.onProgress?.({ of: segment.of, messages: this.messages, bytes: this.bytes });
  }
}

/** Records of a segment that is not written yet. */
export class SegmentDraft {
  private parts: Buffer[] = [segmentStart()];
  private messages = 0;
  private first = 0;
  private last = 0;
  bytes = 0;

  constructor(
    private readonly kind: SegmentEntry['kind'],
    readonly of: string,
  ) {}

  get isEmpty(): boolean {
    return this.messages === 0;
  }

  add(message: StoredMessage): void {
    const record = encodeMessage(message);
    if (this.messages === 0) this.first = message.seq;
    this.last = message.seq;
    this.parts.push(record);
    this.bytes += record.byteLength;
    this.messages++;
  }

  take(file: string): { parts: Buffer[]; entry: SegmentEntry } {
    const { kind, of, first, last, messages, parts } = this;
    const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const entry = { file, kind, of, first, last, messages, bytes, sha256: sha256Of(parts) };
    this.parts = [segmentStart()];
    [this.messages, this.first, this.last, this.bytes] = [0, 0, 0, 0];
    return { parts, entry };
  }
}
