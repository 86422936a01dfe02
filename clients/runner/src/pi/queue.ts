import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { QueueLane } from './inputs.js';

type QueuedMessage = { role: string; content: Parameters<AgentSession['sendUserMessage']>[0] };

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
} as const satisfies Record<QueueLane, { texts: keyof Inside; queue: keyof Inside['agent'] }>;

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
 * Returns the texts of one of pi's queues that the agent has not begun to read, in order. pi removes a text from its list
 * only when the message starts; the agent takes the message out of its own list before that.
 */
export function unreadTexts(pi: AgentSession, lane: QueueLane): string[] {
  const inside = insideOf(pi);
  const texts = inside[LISTS[lane].texts];
  return texts.slice(Math.max(0, texts.length - usersIn(inside, lane).length));
}

/**
 * Takes single messages out of one of pi's queues: `isTaken` is called for each of `unreadTexts`, by its index. The one
 * place that changes pi's queue, because pi itself can only clear all of it. Returns what was taken. Call `showQueue`
 * afterwards. Throws when this version of the SDK is another inside.
 */
export function takeFromQueue(pi: AgentSession, lane: QueueLane, isTaken: (index: number) => boolean): QueuedMessage[] {
  const inside = insideOf(pi);
  const { texts, queue } = LISTS[lane];
  const users = usersIn(inside, lane);
  const isRead = inside[texts].length - users.length;
  inside[texts] = inside[texts].filter((_, index) => index < isRead || !isTaken(index - isRead));
  const taken = users.filter((_, index) => isTaken(index));
  const isLeft = (message: QueuedMessage) => !taken.includes(message);
  inside.agent[queue].messages = inside.agent[queue].messages.filter(isLeft);
  return taken;
}

/** Reports pi's queue to its listeners. */
export function showQueue(pi: AgentSession): void {
  insideOf(pi)._emitQueueUpdate();
}

/** The messages of people. Messages that extensions of pi put there have no text in pi's list. */
function usersIn(inside: Inside, lane: QueueLane): QueuedMessage[] {
  return inside.agent[LISTS[lane].queue].messages.filter(({ role }) => role === 'user');
}
