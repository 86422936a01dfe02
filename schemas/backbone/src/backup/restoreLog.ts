import { CodedError } from '@pizzapi/protocol';
import { internals, type Backbone } from '../connection.js';
import { openCopyTargets } from '../copyTargets.js';
import { LogCopy, merged, mergedMessages, sidOf } from '../logCopy.js';
import { LogProof, type LogSummary } from '../logProof.js';
import { MovedDurable } from '../movedDurable.js';
import { infoOf } from '../streamInfo.js';
import { sessionStreams } from '../streams.js';
import type { BackupSource } from './backupFolder.js';
import { messagesIn, type RestoreScope } from './restoreScope.js';

/** Messages between two reports of progress. */
const PROGRESS_MESSAGES = 5_000;

export interface RestoreProgress {
  phase: 'check' | 'log' | 'streams' | 'files' | 'rows' | 'prove' | 'refold';
  done: number;
  of: number;
}

export interface RestoreLogOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: RestoreProgress) => void) | undefined;
}

export interface RestoredLog {
  /** What the log has, as it was read back. */
  summary: LogSummary;
  /** Events of sessions that were erased. */
  erased: number;
  /** Events of sessions without an owner: they were deleted while the backup was made. */
  unowned: number;
}

/**
 * Copies the logs of a backup into the streams that were made for them, in the order of each session, moves the positions of
 * the readers, and opens the streams. Then it reads the log back and compares it with what it copied. Throws `internal` when
 * they differ.
 */
export async function restoreLog(
  b: Backbone,
  source: BackupSource,
  scope: RestoreScope,
  { signal, onProgress }: RestoreLogOptions,
): Promise<RestoredLog> {
  const connection = internals(b);
  const { partitions } = connection;
  const { manifest } = source;
  const from = sessionStreams(manifest.partitions);
  const of = manifest.segments
    .filter((segment) => segment.kind === 'stream' && from.includes(segment.of))
    .reduce((sum, { messages }) => sum + messages, 0);
  const streams = sessionStreams(partitions);
  const infos = await Promise.all(streams.map((stream) => infoOf(connection, stream)));
  const copy = new LogCopy(
    connection,
    partitions,
    infos.map((info) => ({ lastSeq: info?.state.last_seq ?? 0, copied: 0 })),
  );
  const durables = manifest.durables.map(({ name, floors }) => new MovedDurable(name, floors, partitions));
  // What every reader has read comes first: then a reader reads little or nothing again.
  const rank = (at: number, seq: number): number => durables.filter((durable) => !durable.hasRead(at, seq)).length;
  const before = new LogProof();
  const left = { erased: 0, unowned: 0 };
  let done = 0;
  const readers = from.map((stream) => messagesIn(source, 'stream', stream));
  for await (const { source: at, message } of merged(readers, rank)) {
    signal?.throwIfAborted();
    if (++done % PROGRESS_MESSAGES === 0) onProgress?.({ phase: 'log', done, of });
    const sid = sidOf(message);
    if (sid === undefined || !scope.sessions.has(sid)) {
      left[sid !== undefined && scope.isErasedSession(sid) ? 'erased' : 'unowned']++;
      continue;
    }
    before.add(message);
    const place = await copy.add(message, sid);
    for (const durable of durables) durable.pass(at, message.seq, place);
  }
  await copy.flush();
  onProgress?.({ phase: 'log', done, of });
  for (const durable of durables) await durable.open(connection, streams, copy.ends);
  const after = await proofOf(b, { signal, onProgress });
  const different = before.differsAt(after);
  if (different !== undefined) throw new CodedError('internal', `The restored log of ${different} differs`);
  await openCopyTargets(connection, partitions);
  return { summary: after.summary, ...left };
}

/** Sums up the log as it is stored. */
export async function proofOf(b: Backbone, { signal, onProgress }: RestoreLogOptions): Promise<LogProof> {
  const connection = internals(b);
  const infos = await Promise.all(sessionStreams(connection.partitions).map((stream) => infoOf(connection, stream)));
  const streams = infos.flatMap((info) =>
    info === undefined ? [] : [{ name: info.config.name, messages: info.state.messages }],
  );
  const of = streams.reduce((sum, { messages }) => sum + messages, 0);
  const proof = new LogProof();
  let done = 0;
  for await (const { message } of mergedMessages(connection, streams, { signal })) {
    proof.add(message);
    if (++done % PROGRESS_MESSAGES === 0) onProgress?.({ phase: 'prove', done, of });
  }
  signal?.throwIfAborted();
  onProgress?.({ phase: 'prove', done, of });
  return proof;
}
