import {
  BACKUP_FORMAT,
  CodedError,
  decode,
  errorInfo,
  IMPORTED,
  isMap,
  newId,
  subjects,
  type SessionEvent,
} from '@pizzapi/protocol';
import { BlobStore, parseBlobKey, type BlobPlace } from '../blobStore.js';
import { hashOf, getObject } from '../blobs.js';
import { appendWholeLog } from '../bulkAppend.js';
import { internals, type Backbone } from '../connection.js';
import { askErasure } from '../erasure/askErasure.js';
import { holdLease, readLease } from '../lease.js';
import { LogProof } from '../logProof.js';
import { StoredMessage } from '../message.js';
import { claimSession, ownerOf } from '../owners.js';
import { refreshIdentity } from '../provision.js';
import { headOf, readLong } from '../replay.js';
import { readSessionRow } from '../sessionRow.js';
import { storageFull } from '../storageUsage.js';
import { sessionStreams, streamOf } from '../streams.js';
import { blobRows } from '../tables.js';
import { removeUnfinished } from '../unfinishedSession.js';
import { FILES, SegmentDraft } from './backup.js';
import type { BackupSink, BackupSource } from './backupFolder.js';
import { nextFile, type BackupManifest, type SegmentEntry } from './manifest.js';
import { messagesIn } from './restoreScope.js';

/** A segment ends when it has so many bytes. */
const SEGMENT_BYTES = 16 * 1024 * 1024;

export interface ArchiveOptions {
  sink: BackupSink;
  product: string;
  wire: number;
  signal?: AbortSignal | undefined;
}

export interface ArchivedSession {
  userId: string;
  events: number;
  files: number;
  manifest: BackupManifest;
  /** The epoch that the session had before it was read, and its last offset. */
  epoch: number;
  last: number;
}

/**
 * Writes a session that has ended, with its files, as a backup of this session alone. Throws `session_running` for a session
 * that has not ended or whose host is there, and `session_not_found`.
 */
export async function archiveSession(
  b: Backbone,
  sid: string,
  { sink, product, wire, signal }: ArchiveOptions,
): Promise<ArchivedSession> {
  const connection = internals(b);
  const owner = await ownerOf(b, sid);
  if (owner === undefined || owner.erasedAt !== undefined)
    throw new CodedError('session_not_found', `No session "${sid}"`);
  const row = await readSessionRow(b, sid);
  if (row?.info.state !== 'ended' || (await readLease(b, `session.${sid}`)) !== undefined)
    throw new CodedError('session_running', `The session ${sid} has not ended`);
  const { userId } = owner;
  const at = Date.now();
  let manifest: BackupManifest = {
    ...{ format: BACKUP_FORMAT, product, wire, of: { sid, userId }, createdAt: at, updatedAt: at, isComplete: false },
    ...{ log: (await refreshIdentity(b)) ?? '', partitions: connection.partitions, cut: {}, epoch: owner.epoch },
    ...{ durables: [], segments: [] },
  };
  const finish = async (draft: SegmentDraft): Promise<void> => {
    if (draft.isEmpty) return;
    const { parts, entry } = draft.take(nextFile(manifest, draft.of));
    await sink.put(entry.file, parts);
    manifest = { ...manifest, segments: [...manifest.segments, entry] };
  };
  const add = async (draft: SegmentDraft, message: StoredMessage): Promise<void> => {
    draft.add(message);
    if (draft.bytes >= SEGMENT_BYTES) await finish(draft);
  };
  const stream = streamOf(connection, sid);
  const { last } = await headOf(b, sid);
  const log = new SegmentDraft('stream', stream);
  for await (const message of logOf(b, sid, last, signal)) await add(log, message);
  await finish(log);
  const files = new SegmentDraft('files', FILES);
  let count = 0;
  for (const key of await filesOf(b, { userId, sid })) {
    const blob = await getObject(b, key);
    if (blob === undefined) throw new CodedError('blob_not_found', `The file ${key} of the session has no content`);
    const { bytes: payload, mediaType: text } = blob;
    await add(files, new StoredMessage({ seq: ++count, prevSeq: 0, subject: key, text, payload, at }));
  }
  await finish(files);
  signal?.throwIfAborted();
  manifest = { ...manifest, cut: { [stream]: last }, isComplete: true };
  await sink.save(manifest);
  const sum = (kind: SegmentEntry['kind']): number =>
    manifest.segments.filter((entry) => entry.kind === kind).reduce((all, { messages }) => all + messages, 0);
  return { userId, events: sum('stream'), files: sum('files'), manifest, epoch: owner.epoch, last };
}

/** The log of a session up to an offset. */
async function* logOf(
  b: Backbone,
  sid: string,
  last: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredMessage, void, void> {
  const connection = internals(b);
  const most = Number.MAX_SAFE_INTEGER;
  const reads = readLong(connection, streamOf(connection, sid), subjects.sessionEvents(sid), 0, most, last, signal);
  for await (const batch of reads) for (const message of batch) if (message.seq <= last) yield message;
}

/** The keys of the files of a session, without those that are being removed. */
async function filesOf(b: Backbone, { userId, sid }: BlobPlace): Promise<string[]> {
  const rows = await blobRows(b).all(`${userId}.${sid}.`);
  return [...rows].flatMap(([key, { leaving }]) => (leaving === true ? [] : [key]));
}

/**
 * Compares an archive with what is stored of its session: every event, and the content of every file. Throws `backup_invalid`
 * with what differs.
 */
export async function proveArchive(
  b: Backbone,
  source: BackupSource,
  sid: string,
  { userId, last }: Pick<ArchivedSession, 'userId' | 'last'>,
  signal?: AbortSignal,
): Promise<void> {
  const [archived, stored] = [new LogProof(), new LogProof()];
  for await (const message of messagesIn(source, 'stream', streamOf(internals(b), sid))) archived.add(message);
  for await (const message of logOf(b, sid, last, signal)) stored.add(message);
  if (archived.differsAt(stored) !== undefined)
    throw new CodedError('backup_invalid', `The archive of ${sid} has other events than its log`);
  const missing = new Set(await filesOf(b, { userId, sid }));
  for await (const { subject, payload } of messagesIn(source, 'files', FILES))
    if (hashOf(payload) === parseBlobKey(subject)?.hash) missing.delete(subject);
  if (missing.size > 0)
    throw new CodedError('backup_invalid', `The archive of ${sid} lacks ${missing.size} files of the session`);
}

/**
 * Asks for the erasure of a session that an archive has. Throws `session_running` when it was resumed since then: the archive does
 * not have what it did.
 */
export async function eraseArchived(
  admin: Backbone,
  sid: string,
  { userId, epoch, last }: Pick<ArchivedSession, 'userId' | 'epoch' | 'last'>,
): Promise<void> {
  const isHosted = (await readLease(admin, `session.${sid}`)) !== undefined;
  if (!isHosted && (await headOf(admin, sid)).last === last) {
    const asked = { at: Date.now(), why: 'archived', epoch } as const;
    if ((await askErasure(admin, { userId, sid }, asked)) !== undefined) return;
  }
  throw new CodedError('session_running', `The session ${sid} was resumed while it was archived`);
}

export interface OpenedArchive {
  sessionId: string;
  events: number;
  files: number;
}

/**
 * Makes a read-only session of an archive, under a new id: the old one stays erased. The events keep their order and content;
 * they get one epoch, and belong to no runner. When it fails, nothing is left of the new session.
 */
export async function openArchive(b: Backbone, source: BackupSource, userId: string): Promise<OpenedArchive> {
  const { of, partitions } = source.manifest;
  if (of.sid === undefined) throw new CodedError('backup_invalid', 'This is the backup of an installation');
  const sid = newId('s');
  const claim = await claimSession(b, { sid, userId, runnerId: IMPORTED });
  if (claim.kind === 'refused') throw new CodedError('already_exists', errorInfo('already_exists').message);
  const { epoch } = claim;
  const lease = await holdLease(b, `session.${sid}`, { epoch });
  try {
    const files = await storeFiles(b, source, { userId, sid });
    const stream = source.manifest.segments.find(({ kind }) => kind === 'stream')?.of;
    if (stream === undefined || !sessionStreams(partitions).includes(stream))
      throw new CodedError('backup_invalid', 'The archive has no log');
    let events = 0;
    const counted = async function* (): AsyncGenerator<SessionEvent> {
      for await (const event of eventsIn(source, stream, of.sid!)) {
        events++;
        yield withOwner(event, { userId, epoch });
      }
    };
    await appendWholeLog(b, counted(), { sid, epoch });
    return { sessionId: sid, events, files };
  } catch (error) {
    await removeUnfinished(b, { userId, sid });
    throw error;
  } finally {
    if (lease.kind === 'held') await lease.lease.release();
  }
}

/** The events of the hosts that had the session, in the order of their grants. */
async function* eventsIn(source: BackupSource, stream: string, sid: string): AsyncGenerator<SessionEvent, void, void> {
  const subject = subjects.sessionEvents(sid);
  let highest = 0;
  for await (const message of messagesIn(source, 'stream', stream)) {
    if (message.subject !== subject)
      throw new CodedError('backup_invalid', 'The archive has an event of another session');
    if (!message.genuine || message.epoch < highest) continue;
    highest = message.epoch;
    const event = decode(message.payload);
    if (!isMap(event) || typeof event['type'] !== 'string')
      throw new CodedError('backup_invalid', 'An event of the archive has another shape');
    yield event as unknown as SessionEvent;
  }
}

/** The events that state who hosts the session state that no runner does. */
function withOwner(event: SessionEvent, { userId, epoch }: { userId: string; epoch: number }): SessionEvent {
  if (event.type === 'session_started') return { ...event, userId, epoch, runnerId: IMPORTED };
  return event.type === 'session_resumed' ? { ...event, epoch } : event;
}

async function storeFiles(b: Backbone, source: BackupSource, place: { userId: string; sid: string }): Promise<number> {
  const store = new BlobStore(b);
  let files = 0;
  for await (const { subject, text: mediaType, payload } of messagesIn(source, 'files', FILES)) {
    if (hashOf(payload) !== parseBlobKey(subject)?.hash)
      throw new CodedError('backup_invalid', 'The bytes of a file do not match its hash');
    const stored = await store.put(place, payload, mediaType, { keep: true });
    if (stored.kind === 'full') throw new CodedError('storage_full', storageFull(stored.shortage).message);
    files++;
  }
  return files;
}
