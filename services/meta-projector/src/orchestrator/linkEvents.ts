import type { StoredRecord } from '@pizzapi/backbone';
import { isRunnerEvent, isSessionEvent, tryDecode, type EventOf, type SessionEvent } from '@pizzapi/protocol';

/** What the orchestrator acts on. */
export const LINK_EVENT_TYPES = [
  'session_started',
  'session_ended',
  'session_spawn',
  'session_trigger',
  'trigger_response',
  'trigger_closed',
  'session_message',
  'cleanup_child_session',
  'delink_children',
  'delink_own_parent',
] as const;
export type LinkEventType = (typeof LINK_EVENT_TYPES)[number];

/** A fact of a session's log. */
export interface LinkEvent<T extends LinkEventType = LinkEventType> {
  /** Whose log it is on. */
  sid: string;
  seq: number;
  /** The offset of the event before it in its session, or 0. */
  prevSeq: number;
  msgId: string;
  /** When it was stored, in ms since epoch: the server's clock. */
  at: number;
  event: EventOf<T>;
}
/** Any fact: a union by the type of its event. */
export type AnyLinkEvent = { [T in LinkEventType]: LinkEvent<T> }[LinkEventType];

/** The result of a command, on the log of a session or a runner. */
export interface LinkCommandResult {
  commandId: string;
  ok: boolean;
  error?: { code: string; message: string } | undefined;
}

/** The event in a record, or undefined for bytes that are none. */
export function eventOf({ payload }: Pick<StoredRecord, 'payload'>): SessionEvent | undefined {
  const event = tryDecode(payload);
  return isSessionEvent(event) ? event : undefined;
}

/** The result of a command in a record of a runner's log. */
export function resultOf({ payload }: Pick<StoredRecord, 'payload'>): LinkCommandResult | undefined {
  const event = tryDecode(payload);
  return isRunnerEvent(event) && event.type === 'command_result' ? event : undefined;
}

/** The fact in an event of a log; undefined for an event that tells what came from elsewhere, and for all others. */
export function linkEventOf(record: StoredRecord, event: SessionEvent): AnyLinkEvent | undefined {
  if (!(LINK_EVENT_TYPES as readonly string[]).includes(event.type)) return undefined;
  // On the receiver's log the same types say what came: it was carried over already.
  if (event.type === 'trigger_response' && event.to === undefined) return undefined;
  if (event.type === 'session_message' && event.to === undefined) return undefined;
  if (event.type === 'trigger_closed' && event.sessionId !== undefined) return undefined;
  const { seq, prevSeq, msgId, at, subject } = record;
  return { sid: subject.split('.')[1] ?? '', seq, prevSeq, msgId, at, event } as AnyLinkEvent;
}
