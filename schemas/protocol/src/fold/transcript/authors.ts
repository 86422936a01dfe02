import type { Author, MessageAbout } from '../../events.js';
import { isId } from '../../ids.js';
import { mapAt, stringAt, type UnknownMap } from '../../json.js';
import { isSamePerson } from '../../queueRights.js';
import { NOTHING, STATE_ONLY } from './state.js';
import type { Block, Change, MessageItem, Transcript } from './types.js';

/**
 * The author of a user message. The events of the message name it. In logs of earlier versions, the author is that of the
 * input whose `input_delivered` directly follows the start of the message: a host wrote both in one step. An input that
 * an extension answered is delivered without a message. When that leaves a doubt, the author is unknown.
 */
type AuthorFields = Pick<MessageItem, 'by' | 'commandId' | 'about' | 'hasUnknownAuthor'>;

/** Reads the origin of a message event. */
export function originFields(event: UnknownMap): AuthorFields {
  const origin = mapAt(event, 'origin');
  const by = origin && authorAt(origin);
  if (origin === undefined || by === undefined) return {};
  const [commandId, about] = [stringAt(origin, 'commandId'), aboutAt(origin)];
  return { by, ...(commandId === undefined ? {} : { commandId }), ...(about === undefined ? {} : { about }) };
}

/** Reads what a text for the agent is; undefined for a kind that this version does not know. */
export function aboutAt(map: UnknownMap): MessageAbout | undefined {
  const about = mapAt(map, 'about');
  const kind = KINDS.find((known) => known === about?.['kind']);
  if (about === undefined || kind === undefined) return undefined;
  const fields = ['trigger', 'sessionId', 'name'] as const;
  const texts = fields.flatMap((key) => {
    const text = stringAt(about, key);
    // An id is shown as it is.
    return text === undefined || (key === 'sessionId' && !isId(text)) ? [] : [[key, text] as const];
  });
  return { kind, ...Object.fromEntries(texts) };
}

const KINDS: readonly MessageAbout['kind'][] = ['task', 'trigger', 'message', 'response', 'undelivered', 'answer'];

/** Notes that a user message begins. */
export function messageBegun(t: Transcript, id: string, event: UnknownMap): void {
  if (mapAt(event, 'origin') !== undefined) return;
  t.index.begun = id;
  t.index.oldAuthors.set(id, { isLive: t.busy, isAmbiguous: false });
}

/** Folds the delivery of an input. */
export function inputDelivered(t: Transcript, event: UnknownMap): Change {
  const input = t.pendingInputs.find(({ commandId }) => commandId === event['commandId']);
  const { begun, oldAuthors } = t.index;
  if (begun !== undefined) {
    const isSame = (other: (typeof t.pendingInputs)[number]) =>
      other.text === input?.text && !(other.by !== undefined && isSamePerson(other.by, input.by));
    const isAmbiguous = t.pendingInputs.some((other) => other !== input && isSame(other));
    oldAuthors.set(begun, { isLive: true, isAmbiguous, ...(input === undefined ? {} : { input }) });
  }
  if (input === undefined) return NOTHING;
  t.pendingInputs = t.pendingInputs.filter((other) => other !== input);
  return STATE_ONLY;
}

/** Returns the author of a user message that ends. */
export function authorOf(t: Transcript, event: UnknownMap, id: string, blocks: readonly Block[]): AuthorFields {
  const old = t.index.oldAuthors.get(id);
  t.index.oldAuthors.delete(id);
  const named = originFields(event);
  if (named.by !== undefined) return named;
  if (old === undefined || !old.isLive) return {};
  const { input, isAmbiguous } = old;
  if (input?.by === undefined || isAmbiguous || !isTextOf(input.text, blocks)) return { hasUnknownAuthor: true };
  return { by: input.by, commandId: input.commandId };
}

/** Whether a message may be an input: pi writes out templates and skills, and adds notes about attached files. */
function isTextOf(text: string, blocks: readonly Block[]): boolean {
  const whole = blocks.map((block) => (block.kind === 'text' ? block.text : '')).join('');
  const isShortened = blocks.some((block) => block.kind === 'text' && block.blob !== undefined);
  return isShortened || text.startsWith('/') || whole.startsWith(text.trim());
}

function authorAt(map: UnknownMap): Author | undefined {
  return mapAt(map, 'by') as (UnknownMap & Author) | undefined;
}
