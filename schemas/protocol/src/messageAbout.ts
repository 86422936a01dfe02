import type { Author, MessageAbout } from './events.js';

/** The parts of an input or a message that decide how people see it. */
export interface ShownInput {
  text: string;
  by?: Author;
  about?: MessageAbout;
}

const TRIGGERS: Readonly<Record<string, string>> = {
  ask_user_question: 'Question from',
  plan_review: 'Plan to review from',
  session_complete: 'Result from',
  session_error: 'Error of',
  escalate: 'Decision asked by',
};

/** Returns whether a text was written for the agent, with words and ids that people do not need. */
export function isForAgent({ by, about }: Omit<ShownInput, 'text'>): boolean {
  return about !== undefined || by?.via === 'agent';
}

/** Returns whether the text itself is worth showing beside what it is: another agent wrote it without ids and tool names. */
export function isReadable(about: MessageAbout | undefined): boolean {
  return about?.kind === 'task';
}

/**
 * Returns what a text for the agent is, in words for people. `nameOf` returns the current name of a session; the name of
 * the event is used without it.
 */
export function aboutText(
  about: MessageAbout | undefined,
  nameOf: (sessionId: string) => string | undefined = () => undefined,
): string {
  const { sessionId, kind, trigger = '' } = about ?? {};
  const name = (sessionId === undefined ? undefined : nameOf(sessionId)) || about?.name || sessionId;
  const named = (role: string) => (name === undefined ? role : `${role} “${name}”`);
  switch (kind) {
    case 'trigger':
      return `${TRIGGERS[trigger] ?? 'Message from'} the ${named('child session')}`;
    case 'task':
      return `Task from the ${named('parent session')}`;
    case 'response':
      return `Answer from the ${named('parent session')}`;
    case 'undelivered':
      return `Not delivered to the ${named('session')}`;
    case 'answer':
      return 'Answer to an earlier prompt';
    case 'message':
      return name === undefined ? 'Message' : `Message from the ${named('session')}`;
    case undefined:
      return 'Message from a linked session';
  }
}

/** Returns the text of an input as people see it: a text for the agent is named, not quoted. */
export function shownText(input: ShownInput, nameOf?: (sessionId: string) => string | undefined): string {
  return isForAgent(input) ? aboutText(input.about, nameOf) : input.text;
}
