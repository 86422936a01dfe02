import { BoundedMap, isId, isMap, numberAt, stringAt } from '@pizzapi/protocol';
import type { StoredEntry } from '../human/pending.js';

/** The entries of pi's session file that tell of linked sessions. */
export const LINK_ENTRY = 'pizzapi.link';

/** A trigger of a child, as its parent has it. */
export interface IncomingTrigger {
  triggerId: string;
  child: string;
  /** What kind of trigger. */
  trigger: string;
  name?: string | undefined;
  payload?: unknown;
  expiresAt?: number | undefined;
}

/** A trigger of this session, as it waits for its parent. */
export interface OutgoingTrigger {
  triggerId: string;
  trigger: string;
  /** What was asked, in one line: for an answer that comes later. */
  about: string;
  /** ms since epoch: when it was asked, and until when an answer is taken. */
  at: number;
  expiresAt: number;
  /** The child whose trigger this hands on. */
  of?: { triggerId: string; child: string } | undefined;
}

/** What happened, as the file keeps it. `sid` is the session it happened to: a fork shares the file, not the links. */
export type LinkEntry =
  | { kind: 'child'; child: string; name?: string | undefined }
  | { kind: 'child_over'; child: string }
  | { kind: 'orphan' }
  | ({ kind: 'received' } & IncomingTrigger)
  | { kind: 'received_over'; triggerId: string; how: string; commandId?: string | undefined }
  | ({ kind: 'asked' } & OutgoingTrigger)
  | { kind: 'asked_over'; triggerId: string; how: AskedEnd; commandId?: string | undefined }
  | { kind: 'reported' };

type AskedEnd = 'answered' | 'timed_out' | 'withdrawn';

export interface LinkState {
  /** Whether the parent that the session was started with is its parent no more. */
  orphan: boolean;
  children: Map<string, string | undefined>;
  received: Map<string, IncomingTrigger & { over?: string | undefined; commandId?: string | undefined }>;
  asked: Map<string, OutgoingTrigger & { over?: AskedEnd | undefined; commandId?: string | undefined }>;
}

/** How many of each are remembered; the oldest make room. */
const REMEMBERED = 500;

export const emptyLinkState = (): LinkState => ({
  orphan: false,
  children: new BoundedMap(REMEMBERED),
  received: new BoundedMap(REMEMBERED),
  asked: new BoundedMap(REMEMBERED),
});

/** Notes an entry in the state. */
export function applyLinkEntry(state: LinkState, entry: LinkEntry): void {
  switch (entry.kind) {
    case 'child':
      return void state.children.set(entry.child, entry.name);
    case 'child_over':
      return void state.children.delete(entry.child);
    case 'orphan':
      state.orphan = true;
      return;
    case 'received':
      return void state.received.set(entry.triggerId, entry);
    case 'received_over': {
      const received = state.received.get(entry.triggerId);
      if (received === undefined) return;
      const { how, commandId } = entry;
      return void state.received.set(entry.triggerId, { ...received, over: how, commandId });
    }
    case 'asked':
      return void state.asked.set(entry.triggerId, entry);
    case 'asked_over': {
      const asked = state.asked.get(entry.triggerId);
      if (asked === undefined) return;
      const { how, commandId } = entry;
      return void state.asked.set(entry.triggerId, { ...asked, over: how, commandId });
    }
    case 'reported':
      return;
  }
}

/** The state that a session's file tells of. What is no entry, or another session's, is passed over. */
export function loadLinkState(entries: readonly StoredEntry[], sid: string): LinkState {
  const state = emptyLinkState();
  for (const { customType, data } of entries) {
    if (customType === LINK_ENTRY && isMap(data) && data['sid'] === sid && isEntry(data)) applyLinkEntry(state, data);
  }
  return state;
}

/** Whether a value from a file is an entry: the file may have been written by anybody. */
function isEntry(value: Record<string, unknown>): value is LinkEntry & Record<string, unknown> {
  const has = (...keys: string[]) => keys.every((key) => stringAt(value, key) !== undefined);
  switch (value['kind']) {
    case 'child':
    case 'child_over':
      return isId(value['child']);
    case 'orphan':
    case 'reported':
      return true;
    case 'received':
      return isId(value['triggerId']) && isId(value['child']) && has('trigger');
    case 'received_over':
      return has('triggerId', 'how');
    case 'asked':
      return isId(value['triggerId']) && has('trigger', 'about') && numberAt(value, 'expiresAt') !== undefined;
    case 'asked_over':
      return has('triggerId', 'how');
    default:
      return false;
  }
}
