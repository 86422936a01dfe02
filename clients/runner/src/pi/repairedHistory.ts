import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { isMap } from '@pizzapi/protocol';
import { RepairCounts, repairMessage } from './file/entryRepair.js';
import { repairOpenEntries } from './sessionFile.js';
import { pairToolResults } from './toolPairing.js';

/**
 * Has pi send only what providers accept: each request has every tool call and its result in pairs, and each message has
 * the shape that pi counts on as soon as it has ended. Returns the listener for the events of pi's agent, which continues
 * with a message at once. pi stores it later, when an extension may have replaced it.
 */
export function repairHistory(
  pi: Pick<AgentSession, 'agent' | 'subscribe'>,
): (event: { type: string; message?: unknown }) => void {
  const { agent } = pi;
  const convert = agent.convertToLlm.bind(agent);
  agent.convertToLlm = async (messages) => pairToolResults(await convert(messages)).messages;
  const repair = ({ type, message }: { type: string; message?: unknown }) => {
    const { provider, id } = agent.state.model;
    if (type === 'message_end' && isMap(message))
      repairMessage(message, { repairs: new RepairCounts(), model: { provider, id } });
  };
  pi.subscribe(repair);
  return repair;
}

/**
 * Hides what pi 1.x has redacted or left out from a pi that does not know `context_edit` entries, and that has read its
 * file by itself. Returns the session.
 */
export function withContextEdits(pi: AgentSession): AgentSession {
  const { sessionManager, agent } = pi;
  const appliesEdits = typeof Reflect.get(sessionManager, 'buildSessionProjection') === 'function';
  if (appliesEdits || !sessionManager.getEntries().some(({ type }: { type: string }) => type === 'context_edit'))
    return pi;
  repairOpenEntries(sessionManager);
  agent.state.messages = sessionManager.buildSessionContext().messages;
  return pi;
}

/** What `repairHistory` does to the pairs of the history of a session, one phrase for each kind. */
export function unpairedCalls({ sessionManager }: Pick<AgentSession, 'sessionManager'>): string[] {
  const messages = sessionManager
    .buildSessionContext()
    .messages.flatMap((message) =>
      message.role === 'assistant' || message.role === 'toolResult' || message.role === 'user' ? [message] : [],
    );
  const { unasked, unanswered } = pairToolResults(messages);
  const repairs = new RepairCounts();
  repairs.add('a tool result without its call, or a second one', unasked);
  repairs.add('a tool call without its result', unanswered);
  return repairs.list();
}
