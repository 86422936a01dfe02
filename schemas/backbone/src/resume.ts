import { encode, eventMessageId, type LastEvent } from '@pizzapi/protocol';
import { lastOnSubject } from './lastEvent.js';
import type { BackboneConnection } from './connection.js';
import { getWithRetry } from './replay.js';
import type { WriterOptions } from './sessionWriter.js';
import { readSpool, replaceSpool, Spool, spoolPath } from './spool.js';
import { storedIdsAfter } from './storedIds.js';
import type { SpoolHeader, SpoolRecord } from './spoolFile.js';

type ResumeOptions = Pick<WriterOptions, 'sid' | 'epoch' | 'spoolDir' | 'signal' | 'storedIds' | 'resumed'>;

/**
 * Makes the spool of a session ready for a writer of `epoch`. A file of the same epoch is taken as it stands. What a
 * file of an earlier epoch holds and the log does not is numbered anew behind a `session_resumed`, and before another
 * one when it leaves something open that only its own process could end. A file of a later epoch means that this writer
 * came too late.
 */
export async function prepareSpool(
  connection: BackboneConnection,
  maxBytes: number,
  {
    sid,
    epoch,
    spoolDir,
    signal,
    resumed,
    storedIds = (after) => readIds(connection, sid, after, signal),
  }: ResumeOptions,
): Promise<{ kind: 'ready'; spool: Spool } | { kind: 'late'; fencedBy: number }> {
  const path = spoolPath(spoolDir, sid);
  const { header, records } = readSpool(path);
  if (header !== undefined && header.epoch > epoch) return { kind: 'late', fencedBy: header.epoch };
  if (header?.epoch === epoch) return { kind: 'ready', spool: Spool.open(path, maxBytes) };
  const last = await getWithRetry(connection, () => lastOnSubject(connection, sid), signal);
  signal?.throwIfAborted();
  const left = records.length === 0 ? [] : await unstored({ sid, epoch }, storedIds, header, records, last);
  const acked = { epoch, ackedN: last?.epoch === epoch ? last.n : 0, ackedSeq: last?.seq ?? 0 };
  replaceSpool(path, acked, renumber(left, acked, resumed));
  return { kind: 'ready', spool: Spool.open(path, maxBytes) };
}

/** Events that open something, and the event by which the same process ends it. */
const PAIRS = [
  ['agent_start', 'agent_end'],
  ['message_start', 'message_end'],
  ['tool_execution_start', 'tool_execution_end'],
  ['compaction_start', 'compaction_end'],
  ['compact_started', 'compact_ended'],
  ['auto_retry_start', 'auto_retry_end'],
] as const;

/** Whether the process of these events died before it ended what it had begun. */
function isCutOff(left: readonly SpoolRecord[]): boolean {
  const types = left.map(({ type }) => type);
  const isOpen = PAIRS.some(([begin, end]) => types.lastIndexOf(begin) > types.lastIndexOf(end));
  return isOpen || types.includes('retry_state_changed');
}

/** The same events in the same order under new numbers, behind the one that says why. */
function renumber(
  left: readonly SpoolRecord[],
  { epoch, ackedN }: SpoolHeader,
  fields: ResumeOptions['resumed'],
): SpoolRecord[] {
  if (left.length === 0) return [];
  const type = 'session_resumed';
  const resumed = { n: 0, type, payload: encode({ type, at: Date.now(), epoch, ...fields }) };
  const all = isCutOff(left) ? [resumed, ...left, resumed] : [resumed, ...left];
  return all.map((record, index) => ({ ...record, n: ackedN + 1 + index }));
}

/**
 * The records whose events are not in the log. Mostly its last event tells: nothing came after what is known to be in
 * it, or what came last is of the same writer. Only when another wrote since is what came after it looked through.
 */
async function unstored(
  { sid, epoch }: { sid: string; epoch: number },
  storedIds: NonNullable<ResumeOptions['storedIds']>,
  header: SpoolHeader | undefined,
  records: readonly SpoolRecord[],
  last: LastEvent | undefined,
): Promise<SpoolRecord[]> {
  const facts = records.filter(({ type }) => type !== 'session_resumed');
  if (last === undefined || (header !== undefined && last.seq <= header.ackedSeq)) return facts;
  if (last.epoch === header?.epoch) return facts.filter(({ n }) => n > last.n);
  const stored = new Set(await storedIds(header?.ackedSeq ?? 0));
  // Without a readable header the records can only be of the last epoch before ours.
  const written = header?.epoch ?? latestBefore(epoch, stored);
  return facts.filter(({ n }) => !stored.has(eventMessageId(sid, written, n)));
}

async function readIds(
  connection: BackboneConnection,
  sid: string,
  after: number,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const { ids } = await storedIdsAfter(connection, sid, after, signal === undefined ? {} : { signal });
  signal?.throwIfAborted();
  return ids;
}

/** The highest epoch below `epoch` in message ids (`<sid>.<epoch>.<n>`). */
function latestBefore(epoch: number, ids: ReadonlySet<string>): number {
  let latest = 0;
  for (const id of ids) {
    const other = Number(id.split('.')[1]);
    if (other < epoch && other > latest) latest = other;
  }
  return latest;
}
