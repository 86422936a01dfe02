import type { Author, MessageOrigin } from '@pizzapi/protocol';
import type { PendingInputs } from './inputs.js';
import type { MessageOrigins } from './messageOrigins.js';
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

export interface UserMessagesDeps {
  origins: MessageOrigins;
  inputs: PendingInputs;
  /** Whether no event told viewers of an input. */
  isUnannounced: (commandId: string) => boolean;
  /** The agent reads an input; undefined for a message that comes from no input. */
  reading: (commandId: string | undefined) => void;
  /** The agent reads the input of a command. */
  delivered: (commandId: string) => void;
  /** The origin of a text that was typed into pi's own terminal. */
  typedHere: (text: string) => UserMessageOrigin | undefined;
}

/** Names the origin and the author of each user's message of the agent. */
export class UserMessages {
  constructor(private readonly deps: UserMessagesDeps) {}

  /** The agent reads a message: returns where it comes from. Call it once for each message. */
  read(message: object): UserMessageOrigin {
    const { origins, inputs, isUnannounced, reading, delivered, typedHere } = this.deps;
    const origin = origins.of(message);
    const input = origin?.kind === 'input' ? origin.input : undefined;
    reading(input?.commandId);
    if (input !== undefined && inputs.delivered(input.commandId)) delivered(input.commandId);
    if (origin?.kind === 'typed') return typedHere(origin.text) ?? originOf(undefined);
    return originOf(input, input === undefined || !isUnannounced(input.commandId));
  }

  /** The author of a message; for one that no input brought, everybody for whom an extension may have written it. */
  authorsOf(message: object): Author[] {
    const origin = this.deps.origins.of(message);
    if (origin?.kind !== 'input') return this.deps.inputs.authorsOnTheWay;
    return origin.input.by === undefined ? [] : [origin.input.by];
  }
}
