import { createHash } from 'node:crypto';
import {
  applyMetaEvent,
  applySessionInfo,
  CodedError,
  decode,
  defaultMetaState,
  encode,
  initialSessionInfo,
  partitionOf,
  subjects,
  type SessionInfo,
  type SessionMetaState,
} from '@pizzapi/protocol';
import { internals, type Backbone } from '../connection.js';
import { sidOf } from '../logCopy.js';
import type { StoredMessage } from '../message.js';
import { readLong } from '../replay.js';
import { sessionStreams, streamOf } from '../streams.js';
import type { BackupSource } from './backupFolder.js';
import type { RestoreLogOptions } from './restoreLog.js';
import { messagesIn } from './restoreScope.js';

/** Sessions whose states are in memory at once. More of them are folded in several passes over the log. */
const SESSIONS_AT_ONCE = 20_000;
/** So many sessions are read alone, and not with the whole log. */
const FEW_SESSIONS = 16;

/** What a session folds to. */
export interface RefoldedSession {
  /** The message id of the first event. Another one: events at the beginning have expired or were deleted. */
  first: string;
  /** SHA-256 of the row, of the meta state and of the number of events. */
  digest: string;
}

interface Fold {
  first: string;
  info: SessionInfo;
  meta: SessionMetaState;
  epoch: number;
  count: number;
}

/** Folds the sessions of a log that `isWanted` names, as the projector does: events of replaced hosts are skipped. */
export async function foldSessions(
  messages: AsyncIterable<StoredMessage>,
  isWanted: (sid: string) => boolean = () => true,
): Promise<Map<string, RefoldedSession>> {
  const folds = new Map<string, Fold>();
  for await (const message of messages) {
    const sid = sidOf(message);
    if (sid === undefined || !isWanted(sid) || !message.genuine) continue;
    const known = folds.get(sid);
    const { first = message.msgId, info = initialSessionInfo(sid), meta = defaultMetaState() } = known ?? {};
    const { epoch = 0, count = 0 } = known ?? {};
    if (message.epoch < epoch) continue;
    const event = eventOf(message);
    folds.set(sid, {
      ...{ first, epoch: message.epoch, count: count + 1 },
      info: event === undefined ? info : applySessionInfo(info, event),
      meta: event === undefined ? meta : applyMetaEvent(meta, event),
    });
  }
  const digestOf = ({ info, meta, count }: Fold): string =>
    createHash('sha256')
      .update(encode([info, meta, count]))
      .digest('hex');
  return new Map([...folds].map(([sid, fold]) => [sid, { first: fold.first, digest: digestOf(fold) }]));
}

function eventOf({ payload }: StoredMessage): unknown {
  try {
    return decode(payload);
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

export interface RefoldOutcome {
  /** Sessions whose folds are equal. */
  equal: number;
  /** Sessions that the log has no longer, or not from their beginning: they were deleted or have expired meanwhile. */
  gone: number;
}

/**
 * Folds every session of a backup, and the same session from the log of an installation, and compares both: after a restore,
 * or while the installation that was backed up runs on. Throws `backup_invalid` with the first session that differs.
 */
export async function compareFolds(
  b: Backbone,
  source: BackupSource,
  {
    signal,
    onProgress,
    isRestored = false,
    sids,
  }: RestoreLogOptions & {
    /** The log was restored from the backup: its offsets are others, and each session is there. */
    isRestored?: boolean;
    /** The sessions to compare. */
    sids: readonly string[];
  },
): Promise<RefoldOutcome> {
  const { manifest } = source;
  const passes = Math.max(1, Math.ceil(sids.length / SESSIONS_AT_ONCE));
  const outcome = { equal: 0, gone: 0 };
  for (let pass = 0; pass < passes; pass++) {
    const wanted = new Set(sids.filter((sid) => partitionOf(sid, passes) === pass));
    const isWanted = (sid: string): boolean => wanted.has(sid);
    const backup = await foldSessions(backupLog(source), isWanted);
    const cut = isRestored ? {} : manifest.cut;
    const few = sids.length <= FEW_SESSIONS ? sids : undefined;
    const log = await foldSessions(storedLog(b, { cut, signal, few }), isWanted);
    for (const [sid, { first, digest }] of backup) {
      const other = log.get(sid);
      if (!isRestored && other?.first !== first) outcome.gone++;
      else if (other?.digest === digest) outcome.equal++;
      else throw new CodedError('backup_invalid', `The session ${sid} of the backup folds to another state`);
    }
    onProgress?.({ phase: 'refold', done: pass + 1, of: passes });
  }
  return outcome;
}

async function* backupLog(source: BackupSource): AsyncGenerator<StoredMessage, void, void> {
  for (const stream of sessionStreams(source.manifest.partitions)) yield* messagesIn(source, 'stream', stream);
}

/** The log up to a cut; of a few sessions alone where they are named. */
async function* storedLog(
  b: Backbone,
  {
    cut,
    signal,
    few,
  }: { cut: Readonly<Record<string, number>>; signal: AbortSignal | undefined; few: readonly string[] | undefined },
): AsyncGenerator<StoredMessage, void, void> {
  const connection = internals(b);
  const most = Number.MAX_SAFE_INTEGER;
  const parts =
    few === undefined
      ? sessionStreams(connection.partitions).map((stream) => ({ stream, filter: '>' }))
      : few.map((sid) => ({ stream: streamOf(connection, sid), filter: subjects.sessionEvents(sid) }));
  for (const { stream, filter } of parts) {
    const end = cut[stream] ?? most;
    if (end === 0) continue;
    for await (const batch of readLong(connection, stream, filter, 0, most, end, signal))
      for (const message of batch) if (message.seq <= end) yield message;
  }
  signal?.throwIfAborted();
}
