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

/** Returns the messages of one of pi's queues that the agent has not taken out, in order. */
export function unreadMessages(pi: AgentSession, lane: QueueLane): readonly QueuedMessage[] {
  return usersIn(insideOf(pi), lane);
}

/**
 * Takes single messages out of one of pi's queues. The one place that changes pi's queue, because pi itself can only clear
 * all of it. Returns what was taken. Call `showQueue` afterwards. Throws when this version of the SDK is another inside.
 */
export function takeFromQueue(
  pi: AgentSession,
  lane: QueueLane,
  isTaken: (message: QueuedMessage) => boolean,
): QueuedMessage[] {
  const inside = insideOf(pi);
  const { texts, queue } = LISTS[lane];
  const users = usersIn(inside, lane);
  // pi removes a text when its message starts: those in front are out of the agent's own list already. For a message that
  // did not come from the queue, pi 1.x removes an equal text, so that the texts are written anew from the messages.
  const begun = inside[texts].slice(0, Math.max(0, inside[texts].length - users.length));
  const taken = users.filter(isTaken);
  inside.agent[queue].messages = inside.agent[queue].messages.filter((message) => !taken.includes(message));
  inside[texts] = [...begun, ...users.filter((message) => !taken.includes(message)).map(textIn)];
  return taken;
}

function textIn({ content }: QueuedMessage): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** Reports pi's queue to its listeners. */
export function showQueue(pi: AgentSession): void {
  insideOf(pi)._emitQueueUpdate();
}

/** The messages of people. Messages that extensions of pi put there have no text in pi's list. */
function usersIn(inside: Inside, lane: QueueLane): QueuedMessage[] {
  return inside.agent[LISTS[lane].queue].messages.filter(({ role }) => role === 'user');
}
