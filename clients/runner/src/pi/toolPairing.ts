import type { Message } from '@mariozechner/pi-ai';

type Answer = Extract<Message, { role: 'assistant' }>;
type ToolResult = Extract<Message, { role: 'toolResult' }>;
type ToolCall = Extract<Answer['content'][number], { type: 'toolCall' }>;

export interface PairedMessages {
  messages: Message[];
  /** Tool results that no call asked for, or that a call had already. They are left out. */
  unasked: number;
  /** Calls that have no result, though the conversation continued. They get one that says so. */
  unanswered: number;
}

const isCall = (block: Answer['content'][number]): block is ToolCall => block.type === 'toolCall';

/** pi sends no answer that failed or was stopped, and so nothing that its calls led to. */
const isSent = ({ stopReason }: Answer): boolean => stopReason !== 'error' && stopReason !== 'aborted';

/**
 * Pairs tool calls and results as every provider demands: each call has exactly one result, directly behind its answer.
 * A provider refuses a request with any other history, and so every later prompt.
 */
export function pairToolResults(messages: readonly Message[]): PairedMessages {
  const paired: PairedMessages = { messages: [], unasked: 0, unanswered: 0 };
  const results = assignResults(messages);
  const last = messages.findLast(({ role }) => role !== 'toolResult');
  const taken = new Set([...results.values()].flatMap((byCall) => [...byCall.values()]));
  for (const message of messages) {
    if (message.role === 'toolResult') {
      if (!taken.has(message)) paired.unasked++;
      continue;
    }
    if (message.role !== 'assistant') {
      paired.messages.push(message);
      continue;
    }
    const calls = message.content.filter(isCall);
    const byId = new Map(calls.map((call) => [call.id, call]));
    const isDoubled = byId.size < calls.length;
    const content = isDoubled
      ? message.content.filter((block) => !isCall(block) || byId.get(block.id) === block)
      : message.content;
    paired.messages.push(isDoubled ? { ...message, content } : message);
    if (!isSent(message)) continue;
    for (const call of byId.values()) {
      const result = results.get(message)?.get(call.id);
      if (result === undefined && message !== last) paired.unanswered++;
      paired.messages.push(result ?? missingResult(call, message.timestamp));
    }
  }
  return paired;
}

/** The first result of each call: of the nearest answer in front of it that has such a call. */
function assignResults(messages: readonly Message[]): Map<Answer, Map<string, ToolResult>> {
  const results = new Map<Answer, Map<string, ToolResult>>();
  const open = new Map<string, Answer>();
  for (const message of messages) {
    if (message.role === 'assistant' && isSent(message)) {
      for (const { id } of message.content.filter(isCall)) open.set(id, message);
    } else if (message.role === 'toolResult') {
      const answer = open.get(message.toolCallId);
      if (answer === undefined) continue;
      open.delete(message.toolCallId);
      const byCall = results.get(answer) ?? new Map<string, ToolResult>();
      results.set(answer, byCall.set(message.toolCallId, message));
    }
  }
  return results;
}

function missingResult({ id, name }: ToolCall, timestamp: number): ToolResult {
  return {
    role: 'toolResult',
    ...{ toolCallId: id, toolName: name, timestamp, isError: true },
    content: [{ type: 'text', text: 'The result of this call is not recorded' }],
  };
}
