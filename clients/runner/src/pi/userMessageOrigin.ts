import type { Author, MessageOrigin } from '@pizzapi/protocol';
import type { AgentInput } from './types.js';

/** Where a user's message comes from, for the log. */
export interface UserMessageOrigin {
  /** As the events of the message name it. */
  origin: MessageOrigin;
  /** The input that an event announced to viewers, which is delivered with the message. */
  announced?: string;
}

/** PizzaPi itself: the author of an answer to a prompt of an earlier process, and of what continues a run. */
export const SYSTEM: Author = { userId: 'system', via: 'system' };
/** The author of a message that no command brought. */
const EXTENSION: Author = { ...SYSTEM, name: 'An extension' };

/**
 * The origin of a message that an input brought or, without one, that an extension sent. `isAnnounced`: an event has told
 * viewers of the input.
 */
export function originOf(input: AgentInput | undefined, isAnnounced = true): UserMessageOrigin {
  if (input === undefined) return { origin: { by: EXTENSION } };
  const { commandId, by = SYSTEM, about } = input;
  if (!isAnnounced) return { origin: { commandId, by, about: { kind: 'answer' } } };
  return { origin: { commandId, by, ...(about === undefined ? {} : { about }) }, announced: commandId };
}
