import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { Queue, TakenBack } from './inputs.js';

type QueuedMessage = { role: string; content: unknown };

/** What this file uses of pi's session and agent and their declarations call private. */
interface Inside {
  _steeringMessages: string[];
  _followUpMessages: string[];
  _emitQueueUpdate: () => void;
  readonly agent: Record<'steeringQueue' | 'followUpQueue', { messages: QueuedMessage[] }>;
}

const LISTS = {
  steer: { texts: '_steeringMessages', queue: 'steeringQueue' },
  followUp: { texts: '_followUpMessages', queue: 'followUpQueue' },
} as const satisfies Record<Queue, { texts: keyof Inside; queue: keyof Inside['agent'] }>;

function insideOf(pi: AgentSession): Inside {
  const inside = pi as unknown as Inside;
  const isAsKnown = Object.values(LISTS).every(
    ({ texts, queue }) => Array.isArray(inside[texts]) && Array.isArray(inside.agent[queue].messages),
  );
  if (!isAsKnown || typeof inside._emitQueueUpdate !== 'function')
    throw new TypeError("pi's queue of messages is another one inside");
  return inside;
}

/**
 * Takes single messages out of pi's queue. The one place that reaches into it, because pi itself can only clear all of
 * it. Throws when this version of the SDK is another inside.
 */
export function takeFromQueue(pi: AgentSession, taken: readonly TakenBack[]): void {
  if (taken.length === 0) return;
  const inside = insideOf(pi);
  for (const lane of ['steer', 'followUp'] as const) {
    const { texts, queue } = LISTS[lane];
    const here = taken.filter((place) => place.queue === lane);
    const [isTakenText, isTakenMessage] = [counter(here), counter(here)];
    inside[texts] = inside[texts].filter((text) => !isTakenText(text));
    const { messages } = inside.agent[queue];
    inside.agent[queue].messages = messages.filter((message) => !isTakenMessage(textOf(message)));
  }
  inside._emitQueueUpdate();
}

/** Whether the next message with a text is one that is taken; asked of each in order. */
function counter(places: readonly { text: string; nth: number }[]): (text: string | undefined) => boolean {
  const seen = new Map<string, number>();
  return (text) => {
    if (text === undefined) return false;
    const nth = seen.get(text) ?? 0;
    seen.set(text, nth + 1);
    return places.some((place) => place.text === text && place.nth === nth);
  };
}

/** The text of a message of a person; undefined for what an extension has put there. */
function textOf({ role, content }: QueuedMessage): string | undefined {
  if (role !== 'user' || !Array.isArray(content)) return undefined;
  const [first] = content as { type?: string; text?: string }[];
  return first?.type === 'text' ? first.text : undefined;
}
