import { numberAt, subjects, WILDCARD, tryDecodeMap } from '@pizzapi/protocol';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { streamHead } from './consume.js';
import { batchOf, type DirectBatch } from './direct.js';
import { retryUntilDeadline } from './retryDelay.js';
import type { StoredMessage } from './message.js';
import { AUDIT_STREAM } from './streams.js';

/** Rows of one page at most. */
export const MAX_AUDIT_ROWS = 500;

export interface AuditPageOptions {
  /** Rows with a lower offset than this; without it the newest. */
  before?: number | undefined;
  /** 1 to `MAX_AUDIT_ROWS`. */
  limit: number;
  /** Rows of this kind only. */
  kind?: string | undefined;
}

/** A row as it is stored, with its offset. */
export interface StoredAuditRow {
  seq: number;
  kind: string;
  at: number;
  [field: string]: unknown;
}

export interface AuditPage {
  /** The newest first. */
  rows: StoredAuditRow[];
  /** The `before` of the rows before these; missing when there are none. */
  next?: number;
}

/**
 * A page of the audit log, backwards from an offset. A stream is read forwards, so the page's first row is searched:
 * the server says how many rows lie behind an offset, which takes some twenty questions however long the audit log is; then
 * the page is read at once.
 */
export async function readAudit(b: Backbone, { before, limit, kind }: AuditPageOptions): Promise<AuditPage> {
  const connection = internals(b);
  const subject = kind === undefined ? WILDCARD.audit : subjects.audit(kind);
  const page = Math.min(Math.max(1, limit), MAX_AUDIT_ROWS);
  const head = await streamHead(b, AUDIT_STREAM);
  const end = Math.min(before ?? head + 1, head + 1);
  const newer = await countFrom(connection, subject, end);
  const rowsFrom = async (seq: number): Promise<number> => (await countFrom(connection, subject, seq)) - newer;
  const start = await lastWhere(1, end, async (seq) => (await rowsFrom(seq)) >= page);
  const found = await readUntil(connection, subject, start, end);
  const first = found[0]?.seq;
  const rows = found.toReversed().flatMap(({ seq, payload, genuine }): StoredAuditRow[] => {
    // What a host had the server put here is no row.
    const row = genuine ? decodeRow(payload) : undefined;
    return row === undefined ? [] : [{ ...row, seq }];
  });
  return first === undefined || (await rowsFrom(1)) <= found.length ? { rows } : { rows, next: first };
}

/** The greatest number from `low` on, below `high`, for which `holds`, which it does up to some number; else `low`. */
async function lastWhere(low: number, high: number, holds: (value: number) => Promise<boolean>): Promise<number> {
  let [from, to] = [low, high];
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    if (await holds(middle)) from = middle;
    else to = middle;
  }
  return from;
}

/** All rows at or after `start` and before `end`. The server may answer with fewer at once than were asked for. */
async function readUntil(
  connection: BackboneConnection,
  subject: string,
  start: number,
  end: number,
): Promise<readonly StoredMessage[]> {
  const found: StoredMessage[] = [];
  for (let at = start; at < end; at = found.at(-1)!.seq + 1) {
    const { messages } = await read(connection, subject, at, MAX_AUDIT_ROWS);
    const wanted = messages.filter(({ seq }) => seq < end);
    found.push(...wanted);
    if (wanted.length === 0 || wanted.length < messages.length) break;
  }
  return found;
}

/** How many rows lie at or after an offset. */
async function countFrom(connection: BackboneConnection, subject: string, seq: number): Promise<number> {
  const { messages, pending } = await read(connection, subject, seq, 1);
  return messages.length + pending;
}

function read(connection: BackboneConnection, subject: string, seq: number, limit: number): Promise<Read> {
  return retryUntilDeadline(async () => {
    const batch = await batchOf(connection, AUDIT_STREAM, subject, seq, limit);
    return batch.kind === 'read' ? batch : undefined;
  });
}

type Read = Extract<DirectBatch, { kind: 'read' }>;

function decodeRow(payload: Uint8Array): { kind: string; at: number } | undefined {
  const row = tryDecodeMap(payload);
  if (typeof row?.['kind'] !== 'string') return undefined;
  return { ...row, kind: row['kind'], at: numberAt(row, 'at') ?? 0 };
}
