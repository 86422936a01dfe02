import { ASKING_TRIGGERS, LINK_OUTCOMES, type Author } from '../../events.js';
import { guestsAt } from '../../guests.js';
import { mapAt, numberAt, stringAt, type UnknownMap } from '../../json.js';
import { linkSummary } from './linkSummary.js';
import { NOTHING, push } from './state.js';
import type { Change, LinkFacts, NoticeItem, Transcript } from './types.js';

/** Folds an event of linked sessions. Returns undefined for any other event. */
export function applyLink(t: Transcript, seq: number, type: string, event: UnknownMap): Change | undefined {
  switch (type) {
    case 'session_spawn':
      return open(t, seq, event, { kind: 'spawn', id: 'spawnId', other: 'sessionId', text: 'prompt' });
    case 'session_trigger':
      return open(t, seq, event, { kind: 'trigger_sent', id: 'triggerId', other: 'parentSessionId' });
    case 'trigger_received':
      return received(t, seq, event);
    case 'session_message': {
      const isSent = stringAt(event, 'to') !== undefined;
      const other = isSent ? 'to' : 'from';
      return open(t, seq, event, {
        kind: isSent ? 'message_sent' : 'message_received',
        id: 'messageId',
        other,
        text: 'text',
      });
    }
    case 'cleanup_child_session':
      return open(t, seq, event, { kind: 'cleanup', id: 'sessionId', other: 'sessionId' });
    case 'session_unlinked':
      return open(t, seq, event, { kind: 'unlinked', id: 'sessionId', other: 'sessionId' });
    case 'delink_children':
    case 'delink_own_parent':
      return open(t, seq, event, { kind: type, id: '', other: '' });
    case 'trigger_response':
      return responded(t, seq, event);
    case 'trigger_closed':
      return closed(t, seq, event);
    case 'link_receipt':
      return receipt(t, seq, event);
    default:
      return undefined;
  }
}

/** Withdraws the open triggers of a session that ended; with `of`, only those to or from that other session. */
export function withdrawLinks(t: Transcript, seq: number, of?: string): Change {
  const items: number[] = [];
  for (const position of t.index.links.values()) {
    const item = t.items[position];
    if (item?.kind !== 'notice' || item.link?.state !== 'open') continue;
    if (of !== undefined && item.link.sessionId !== of) continue;
    items.push(...put(t, position, item, seq, { state: 'withdrawn' }).items);
  }
  return { items, state: false };
}

/** The kinds of items to which a later answer or receipt belongs. */
const HAVE_OUTCOMES = new Set<LinkFacts['kind']>([
  'spawn',
  'trigger_sent',
  'trigger_received',
  'message_sent',
  'cleanup',
]);

interface Reading {
  kind: LinkFacts['kind'];
  /** The names of the fields that hold the id, the other session and the text. */
  id: string;
  other: string;
  text?: string;
}

function open(t: Transcript, seq: number, event: UnknownMap, { kind, id, other, text }: Reading): Change {
  const link: LinkFacts = { kind, id: stringAt(event, id) ?? `${kind}:${seq}` };
  const sessionId = stringAt(event, other);
  const trigger = stringAt(event, 'kind');
  const expiresAt = numberAt(event, 'expiresAt');
  const waitsUntil = numberAt(event, 'waitsUntil');
  const name = stringAt(event, 'name');
  if (sessionId !== undefined) link.sessionId = sessionId;
  if (text !== undefined) link.text = stringAt(event, text) ?? '';
  if (name !== undefined) link.name = name;
  if (trigger !== undefined) link.trigger = trigger;
  const guests = kind === 'spawn' ? guestsAt(event, 'guests') : [];
  if (guests.length > 0) link.guests = guests;
  if (event['payload'] !== undefined) link.payload = event['payload'];
  if (expiresAt !== undefined) link.expiresAt = expiresAt;
  if (waitsUntil !== undefined) link.waitsUntil = waitsUntil;
  if (trigger !== undefined && ASKING_TRIGGERS.includes(trigger)) link.state = 'open';
  const at = numberAt(event, 'at') ?? 0;
  const key = keyOf(kind === 'trigger_received' ? '<' : '>', link.id);
  // The next process of the session asks again: it is the same trigger.
  if (trigger !== undefined && t.index.links.has(key)) return NOTHING;
  const change = push(t, { kind: 'notice', id: `notice:${seq}`, seq, at, notice: 'link', ...linkSummary(link), link });
  if (HAVE_OUTCOMES.has(kind)) t.index.links.set(key, change.items[0]!);
  return change;
}

/** Folds a received trigger. The completion or the error of a child session withdraws its open triggers. */
function received(t: Transcript, seq: number, event: UnknownMap): Change {
  const change = open(t, seq, event, { kind: 'trigger_received', id: 'triggerId', other: 'sessionId' });
  const child = stringAt(event, 'sessionId');
  if (child === undefined || ASKING_TRIGGERS.includes(stringAt(event, 'kind') ?? '')) return change;
  return { items: [...withdrawLinks(t, seq, child).items, ...change.items], state: false };
}

function responded(t: Transcript, seq: number, event: UnknownMap): Change {
  const key = keyOf(stringAt(event, 'to') === undefined ? '>' : '<', stringAt(event, 'triggerId') ?? '');
  const by = mapAt(event, 'by') as Author | undefined;
  return change(t, key, seq, { state: 'answered', response: event['response'], ...(by === undefined ? {} : { by }) });
}

function closed(t: Transcript, seq: number, event: UnknownMap): Change {
  const key = keyOf(stringAt(event, 'sessionId') === undefined ? '>' : '<', stringAt(event, 'triggerId') ?? '');
  const how = event['how'];
  const state = how === 'timed_out' || how === 'withdrawn' ? how : 'answered';
  const by = mapAt(event, 'by') as Author | undefined;
  return change(t, key, seq, { state, ...(by === undefined ? {} : { by }) });
}

function receipt(t: Transcript, seq: number, event: UnknownMap): Change {
  const id = stringAt(event, 'requestId') ?? '';
  const outcome = LINK_OUTCOMES.find((known) => known === event['outcome']);
  if (outcome === undefined) return NOTHING;
  const error = mapAt(event, 'error');
  const facts: Partial<LinkFacts> = {
    receipt: outcome,
    ...(error === undefined
      ? {}
      : { error: { code: stringAt(error, 'code') ?? '', message: stringAt(error, 'message') ?? '' } }),
  };
  // The item that was sent under this id, or else the answer to the trigger that was received under this id.
  const key = t.index.links.has(keyOf('>', id)) ? keyOf('>', id) : keyOf('<', id);
  return change(t, key, seq, facts);
}

const keyOf = (direction: '<' | '>', id: string): string => `${direction}${id}`;

function change(t: Transcript, key: string, seq: number, facts: Partial<LinkFacts>): Change {
  const position = t.index.links.get(key);
  const item = position === undefined ? undefined : t.items[position];
  return position === undefined || item?.kind !== 'notice' ? NOTHING : put(t, position, item, seq, facts);
}

function put(t: Transcript, position: number, item: NoticeItem, seq: number, facts: Partial<LinkFacts>): Change {
  const link = { ...item.link!, ...facts };
  t.items[position] = { ...item, seq, ...linkSummary(link), link };
  return { items: [position], state: false };
}
