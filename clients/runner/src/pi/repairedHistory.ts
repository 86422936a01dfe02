import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { isMap } from '@pizzapi/protocol';
import { RepairCounts, repairMessage } from './file/entryRepair.js';
import { pairToolResults } from './toolPairing.js';

/**
 * Has pi send only what providers accept: each message has the shape that pi counts on as soon as it has ended, and each
 * request has every tool call and its result in pairs.
 */
export function repairHistory({ agent }: Pick<AgentSession, 'agent'>): void {
  const convert = agent.convertToLlm.bind(agent);
  agent.convertToLlm = async (messages) => pairToolResults(await convert(messages)).messages;
  agent.subscribe((event) => {
    if (event.type !== 'message_end') return;
    const message: unknown = event.message;
    const { provider, id } = agent.state.model;
    if (isMap(message)) repairMessage(message, { repairs: new RepairCounts(), model: { provider, id } });
  });
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
