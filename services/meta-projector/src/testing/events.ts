import type { SessionEvent } from '@pizzapi/protocol';

/** The first event of every session. */
export function started(name: string, at = 1_700_000_000_000): SessionEvent {
  return {
    type: 'session_started',
    at,
    name,
    cwd: '/work',
    model: 'demo/demo',
    runnerId: 'r1',
    userId: 'owner',
    epoch: 1,
    piVersion: '0.73',
  };
}

/** A turn of a made-up session: a story that touches both folds. */
export function turn(index: number, at = 1_700_000_000_000): SessionEvent[] {
  const text = (length: number) => 'lorem ipsum '.repeat(Math.ceil(length / 12)).slice(0, length);
  const time = at + index * 1000;
  const messageId = `m${index}`;
  return [
    { type: 'agent_start', at: time },
    {
      type: 'message_end',
      at: time + 1,
      messageId: `u${index}`,
      message: { role: 'user', content: [{ type: 'text', text: `Question ${index}: ${text(60)}` }] },
    },
    { type: 'message_start', at: time + 2, messageId, role: 'assistant' },
    {
      type: 'tool_execution_start',
      at: time + 3,
      toolCallId: `t${index}`,
      toolName: 'bash',
      args: { command: text(80) },
    },
    { type: 'todo_updated', at: time + 4, todoList: [{ id: index, text: text(30), status: 'pending' }] },
    {
      type: 'tool_execution_end',
      at: time + 5,
      toolCallId: `t${index}`,
      toolName: 'bash',
      result: text(2000),
      isError: false,
    },
    {
      type: 'message_end',
      at: time + 6,
      messageId,
      message: { role: 'assistant', content: [{ type: 'text', text: text(800) }] },
    },
    {
      type: 'token_usage_updated',
      at: time + 7,
      tokenUsage: { input: index, output: 1, cacheRead: 0, cacheWrite: 0, cost: index / 100 },
    },
    { type: 'agent_end', at: time + 8 },
  ];
}
