import {
  CONTENT_TYPE,
  encode,
  HEADER,
  subjects,
  type Command,
  type RunnerEvent,
  type TraceContext,
} from '@pizzapi/protocol';
import { RetryDelay } from './retryDelay.js';
import { internals, type Backbone } from './connection.js';
import { writeHeaders } from './message.js';
import { isFull } from './publisher.js';

/** How long a write is tried again while the backbone does not answer, in ms. A change of leader takes 4 to 6 s. */
export const STORE_PATIENCE_MS = 10_000;

export type StoreOutcome =
  | { kind: 'stored'; seq: number }
  | { kind: 'duplicate'; seq: number }
  /** `full`: its stream may not grow any more. `isUncertain`: the server may have stored the message all the same. */
  | { kind: 'unavailable'; full?: boolean; isUncertain: boolean };

/** One row of the audit log. `kind` becomes part of the subject. */
export interface AuditRecord {
  kind: string;
  at: number;
  [field: string]: unknown;
}

/**
 * Sends a command to a runner. Sending it again is safe: its id is remembered for ten minutes, and by the runner. The trace
 * context goes into the headers.
 */
export function sendCommand(
  b: Backbone,
  rid: string,
  command: Command,
  { patienceMs = STORE_PATIENCE_MS, trace }: { patienceMs?: number; trace?: TraceContext | undefined } = {},
): Promise<StoreOutcome> {
  const id = `${rid}.${command.commandId}`;
  return store(b, subjects.runnerCommands(rid), command, id, command.name, patienceMs, trace);
}

/** Writes an event of a runner to its log. */
export function publishRunnerEvent(b: Backbone, rid: string, event: RunnerEvent): Promise<StoreOutcome> {
  return store(b, subjects.runnerEvents(rid), event, `${rid}.${crypto.randomUUID()}`, event.type, STORE_PATIENCE_MS);
}

/** Writes a row of the audit log. */
export function publishAudit(b: Backbone, row: AuditRecord): Promise<StoreOutcome> {
  const id = `${row.kind}.${crypto.randomUUID()}`;
  return store(b, subjects.audit(row.kind), row, id, row.kind, STORE_PATIENCE_MS);
}

async function store(
  b: Backbone,
  subject: string,
  value: object,
  id: string,
  type: string,
  patienceMs: number,
  trace?: TraceContext,
): Promise<StoreOutcome> {
  const { publisher } = internals(b);
  const payload = encode(value);
  const headers = writeHeaders(
    [
      [HEADER.msgId, id],
      [HEADER.type, type],
      [HEADER.contentType, CONTENT_TYPE],
    ],
    trace,
  );
  const retry = new RetryDelay();
  let isUncertain = false;
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const outcome = await publisher.publish(subject, payload, headers);
    if (outcome.kind === 'stored') return { kind: outcome.duplicate ? 'duplicate' : 'stored', seq: outcome.seq };
    if (outcome.kind === 'unavailable') {
      isUncertain ||= outcome.isUncertain === true;
      if (isFull(outcome)) return { kind: 'unavailable', full: true, isUncertain };
    }
    if (Date.now() >= deadline) return { kind: 'unavailable', isUncertain };
    await retry.wait();
  }
}
