import type { RunnerInfo, SessionInfo } from '@pizzapi/protocol';
import { runner, session } from './lists.js';
import type { Scene } from './scene.js';

/** A text that changes the colour of a terminal, turns the direction, hides, and rings. */
export const turned = (text: string): string => `\u001b[31m${text}\u202e\u2067\u200b\u0007`;

const ANN = { userId: 'guest_x1', via: 'collab', name: turned('Ann') };
const at = Date.now();

export const TURNED_SESSIONS: readonly SessionInfo[] = [
  session(
    'turned',
    { name: turned('Pizza'), cwd: `/srv/${turned('oven')}`, runnerId: 'r_turned', state: 'waiting', waiting: ['q9'] },
    5,
  ),
  session('turned-child', { firstPrompt: turned('Bake'), parentSessionId: 'turned', runnerId: 'r_turned' }, 6),
  session('imported', { name: 'Of an old file', runnerId: 'import', state: 'ended' }, 9),
  session('turned-empty', { name: '\u200b\u2060', firstPrompt: '\u202e' }, 7),
];
export const TURNED_RUNNERS: readonly RunnerInfo[] = [runner('r_turned', { name: turned('oven-box') })];

/** Everything that others write, each with such a text. */
export function turnedScene(): Scene {
  const tool = { toolCallId: 't1', toolName: 'bash' };
  const call = { type: 'toolCall', id: 't1', name: 'bash', arguments: { command: turned('ls') } };
  const edit = {
    type: 'toolCall',
    id: 't2',
    name: 'edit',
    arguments: { path: turned('/a'), oldText: turned('a'), newText: turned('b') },
  };
  const message = (id: string, role: string, content: unknown) => ({
    ...{ type: 'message_end', at, messageId: id, entryId: id },
    message: { role, content },
  });
  const question = { question: turned('Which?'), options: [turned('Wood'), turned('Gas')] };
  return {
    events: [
      { type: 'input_received', at, commandId: 'c1', text: turned('Bake'), deliverAs: 'prompt', by: ANN },
      { type: 'input_delivered', at, commandId: 'c1' },
      { ...message('u1', 'user', [{ type: 'text', text: turned('Bake') }]), origin: { commandId: 'c1', by: ANN } },
      { type: 'agent_start', at },
      message('a1', 'assistant', [
        { type: 'thinking', thinking: turned('Hm') },
        { type: 'text', text: `${turned('Prose')} and \`${turned('code')}\`\n\n\`\`\`\n${turned('block')}\n\`\`\`` },
        call,
        edit,
      ]),
      {
        type: 'tool_execution_end',
        at,
        ...tool,
        isError: true,
        result: { content: [{ type: 'text', text: turned('output') }] },
      },
      { type: 'dialog_opened', at, dialogId: 'd8', method: 'select', title: turned('Before?'), options: [turned('x')] },
      { type: 'dialog_resolved', at, dialogId: 'd8', value: turned('x'), by: ANN, outcome: 'answered' },
      { type: 'model_select', at, model: turned('a/model') },
      { type: 'input_received', at, commandId: 'c2', text: turned('Next'), deliverAs: 'followUp', by: ANN },
      { type: 'queue_update', at, steering: [turned('Steer')], followUp: [] },
      { type: 'question_pending', at, question: { toolCallId: 'q9', questions: [question] } },
    ],
    meta: {
      pendingQuestion: { toolCallId: 'q9', questions: [question] },
      todoList: [{ id: 1, text: turned('To do'), status: 'pending' }],
    },
  };
}
