import { TRIGGER_ANSWER_MS, type CommandOf } from '@pizzapi/protocol';

export type LinkedCommandName =
  'session_trigger' | 'trigger_response' | 'session_message' | 'trigger_closed' | 'session_unlinked' | 'link_receipt';

/** What reaches a session from those that it is linked to. */
export type LinkedCommand = { [N in LinkedCommandName]: CommandOf<N> }[LinkedCommandName];

export interface LinkTimes {
  /** How long a child's tool waits for an answer before it goes on without one, in ms. */
  waitMs: number;
  /** How long an answer is taken, in ms: what comes after the wait reaches the agent as a message. */
  answerMs: number;
}

export const LINK_TIMES: LinkTimes = { waitMs: TRIGGER_ANSWER_MS / 2, answerMs: TRIGGER_ANSWER_MS };
