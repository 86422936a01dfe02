import type { StoredEvent } from '@pizzapi/backbone';
import {
  applyMetaEvent,
  applyRunnerInfo,
  applySessionInfo,
  CodedError,
  decode,
  defaultMetaState,
  eventProblem,
  hasFirstPrompt,
  initialRunnerInfo,
  initialSessionInfo,
  isRunnerEvent,
  peekEventHeader,
  RUNNER_EVENT_FIELDS,
  isMap,
  type RunnerRow,
  type SessionMetaRow,
  type SessionRow,
} from '@pizzapi/protocol';
import { withCheckpoint } from './checkpoints.js';

/** An event of the log, as far as a projection looks at it. */
export type LogEvent = Pick<StoredEvent, 'seq' | 'type' | 'epoch' | 'payload'>;

/** What the store keeps of an event beside its payload, in bytes, about: subject and headers. */
const EVENT_OVERHEAD = 256;

export interface SessionRows {
  row: SessionRow;
  meta: SessionMetaRow;
}

/** What became of an event. Poison is relayed and counted like any event, but changes nothing that it could say. */
export type Folded<S> =
  | { kind: 'folded'; next: S }
  | { kind: 'poison'; next: S; problem: string }
  /** A host that was replaced wrote it. */
  | { kind: 'stale' }
  /** At or before what is folded in already. */
  | { kind: 'seen' };

export function initialSessionRows(sid: string): SessionRows {
  return {
    row: { info: initialSessionInfo(sid), lastSeq: 0, count: 0, epoch: 0, checkpoints: [] },
    meta: { state: defaultMetaState(), lastSeq: 0 },
  };
}

export function initialRunnerRow(rid: string): RunnerRow {
  return { info: initialRunnerInfo(rid), lastSeq: 0 };
}

/** Returns the rows of a session after one of its events: a pure function of the log. */
export function evolveSession({ row, meta }: SessionRows, record: LogEvent): Folded<SessionRows> {
  const { seq, epoch } = record;
  if (seq <= row.lastSeq) return { kind: 'seen' };
  if (epoch < row.epoch) return { kind: 'stale' };
  const count = row.count + 1;
  const logBytes = (row.logBytes ?? 0) + record.payload.byteLength + EVENT_OVERHEAD;
  const checkpoints = withCheckpoint(row.checkpoints, seq, count);
  const counted = { ...row, lastSeq: seq, count, epoch, checkpoints, logBytes };
  const read = readEvent(record, row);
  if (read.kind === 'poison') return { ...read, next: { row: counted, meta } };
  try {
    const info = applySessionInfo(row.info, read.event);
    return { kind: 'folded', next: { row: { ...counted, info }, meta: evolveMeta(meta, seq, read.event) } };
  } catch (error) {
    return { kind: 'poison', next: { row: counted, meta }, problem: `the fold failed: ${String(error)}` };
  }
}

function evolveMeta(meta: SessionMetaRow, seq: number, event: unknown): SessionMetaRow {
  if (seq <= meta.lastSeq) return meta;
  const state = applyMetaEvent(meta.state, event);
  return state === meta.state ? meta : { state, lastSeq: seq };
}

/** The row of a runner after one of its events. */
export function evolveRunner(row: RunnerRow, record: LogEvent): Folded<RunnerRow> {
  if (record.seq <= row.lastSeq) return { kind: 'seen' };
  const next = { ...row, lastSeq: record.seq };
  const decoded = decoding(record.payload);
  if (decoded.kind === 'poison') return { ...decoded, next };
  const { event } = decoded;
  const type = isMap(event) ? String(event['type']) : '';
  if (!isRunnerEvent(event) && (type === '' || Object.hasOwn(RUNNER_EVENT_FIELDS, type))) {
    return { kind: 'poison', next, problem: `${type || 'this'} has the wrong shape` };
  }
  try {
    return { kind: 'folded', next: { info: applyRunnerInfo(row.info, event), lastSeq: record.seq } };
  } catch (error) {
    return { kind: 'poison', next, problem: `the fold failed: ${String(error)}` };
  }
}

type Read = { kind: 'event'; event: unknown } | { kind: 'poison'; problem: string };

/** Large events of which the folds read nothing but `type` and `at`. `unread.test` in this folder holds it so. */
export function isUnread(type: string, row: SessionRow): boolean {
  if (type === 'message_end') return hasFirstPrompt(row.info);
  return type === 'tool_execution_start' || type === 'tool_execution_end';
}

/** What is not read is not judged: the shape of an event that the folds look into is checked, of others only the head. */
function readEvent({ type, payload }: LogEvent, row: SessionRow): Read {
  if (isUnread(type, row)) {
    const head = peekEventHeader(payload);
    if (head?.type === type) return { kind: 'event', event: head };
  }
  const decoded = decoding(payload);
  if (decoded.kind === 'poison') return decoded;
  const problem = eventProblem(decoded.event);
  return problem === undefined ? decoded : { kind: 'poison', problem };
}

function decoding(payload: Uint8Array): Read {
  try {
    return { kind: 'event', event: decode(payload) };
  } catch (error) {
    if (error instanceof CodedError) return { kind: 'poison', problem: error.message };
    throw error;
  }
}
