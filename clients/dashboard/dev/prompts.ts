import type {
  MetaPendingApproval,
  MetaPendingPlan,
  MetaPendingQuestion,
  MetaPluginTrustPrompt,
  SessionInfo,
} from '@pizzapi/protocol';
import { session } from './lists.js';
import { closed, failed, resolved } from './responses.js';
import type { Scene } from './scene.js';

/** Stories of what waits for a person. */
const NOW = Date.now();
const ANN = { userId: 'guest_x1', via: 'collab', name: 'Ann' };

const said = (id: string, role: string, text: string) => ({
  type: 'message_end',
  at: NOW - 60_000,
  messageId: id,
  entryId: id,
  message: { role, content: [{ type: 'text', text }] },
});
const walk = (promptId: string, title: string, options: string[], more: object = {}) => ({
  ...{ type: 'dialog_opened', at: NOW - 30_000, dialogId: `d_${promptId}`, method: 'select', title, options, promptId },
  ...more,
});

const QUESTIONS: MetaPendingQuestion = {
  toolCallId: 'q1',
  questions: [
    { question: 'Where should the projection live?', options: ['NATS key-value bucket', 'SQLite file', 'Postgres'] },
    {
      question: 'It has to be rebuilt once when the shape of a row changes. How may that be done?',
      options: ['Beside the live one, then swapped', 'With a short stop'],
    },
    { question: 'What is the bucket to be called?', options: [] },
  ],
};
const ONE: MetaPendingQuestion = {
  toolCallId: 'q2',
  questions: [{ question: 'Which oven do you have?', options: ['Wood', 'Gas', 'Electric'] }],
};

const SIX: MetaPendingQuestion = {
  toolCallId: 'q6',
  questions: [
    {
      question: 'Which toppings does the pizza get?',
      options: ['Tomato', 'Mozzarella', 'Basil', 'Mushrooms', 'Olives', 'Anchovies'],
    },
  ],
};

function six(): Scene {
  return {
    events: [
      said('u1', 'user', 'Bake me a pizza.'),
      { type: 'agent_start', at: NOW - 50_000 },
      { type: 'question_pending', at: NOW - 30_000, question: SIX },
      walk('q6', SIX.questions[0]!.question, [...SIX.questions[0]!.options]),
    ],
    meta: { pendingQuestion: SIX },
  };
}

function several(): Scene {
  return {
    events: [
      said('u1', 'user', 'Move the projection out of the process.'),
      { type: 'agent_start', at: NOW - 50_000 },
      said('a1', 'assistant', 'Three things I need to know before I begin.'),
      { type: 'question_pending', at: NOW - 30_000, question: QUESTIONS },
      walk('q1', `(1/3) ${QUESTIONS.questions[0]!.question}`, QUESTIONS.questions[0]!.options, {
        expiresAt: NOW + 4 * 60_000,
      }),
    ],
    meta: { pendingQuestion: QUESTIONS },
  };
}

/** Ann is always faster. */
function late(): Scene {
  return {
    events: [
      said('u1', 'user', 'Bake me a pizza.'),
      { type: 'agent_start', at: NOW - 50_000 },
      { type: 'question_pending', at: NOW - 30_000, question: ONE },
      walk('q2', ONE.questions[0]!.question, ONE.questions[0]!.options),
    ],
    meta: { pendingQuestion: ONE },
    respond: (sent) => {
      if (sent.name !== 'dialog_response') return undefined;
      const cleared = { type: 'question_cleared', at: Date.now(), toolCallId: 'q2' };
      const error = failed(sent, 'dialog_late', 'Somebody answered first, or the question timed out.');
      return [resolved('q2', 'Wood', ANN), closed('q2'), cleared, error];
    },
  };
}

const PLAN: MetaPendingPlan = {
  toolCallId: 'p1',
  title: 'Resume viewers from their offset',
  description: 'A viewer that comes back gets **what it missed and nothing twice**, whatever dies in between.',
  steps: [
    { title: 'Send `after` with the last offset seen', description: 'Nothing at all where there is none.' },
    { title: 'Count the offset itself as seen' },
    {
      title: 'Walk random disconnects in a property test',
      description: 'Compare with a viewer that never lost its connection.',
    },
    { title: 'Measure a resume of 10,000 events and write the figure into the README' },
  ],
};

function plan(): Scene {
  return {
    events: [
      said('u1', 'user', '/plan Fix the repeated event'),
      { type: 'agent_start', at: NOW - 50_000 },
      said('a1', 'assistant', 'I have looked around. This is what I would do.'),
      { type: 'plan_pending', at: NOW - 30_000, plan: PLAN },
      walk('p1', `Carry out the plan "${PLAN.title}"?`, ['Approve', 'Edit…', 'Say what to change…', 'Cancel']),
    ],
    meta: { pendingPlan: PLAN, planModeEnabled: true },
  };
}

const ACTIONS: NonNullable<MetaPendingApproval['actions']> = [
  { id: 'approve', label: 'Allow once', style: 'primary' },
  { id: 'session', label: 'Allow in this session: bash "npm publish *"' },
  { id: 'folder', label: 'Always allow in this folder: bash "npm publish *"' },
  { id: 'deny', label: 'Deny', style: 'danger' },
];
const COMMAND: MetaPendingApproval = {
  promptId: 'v1',
  title: 'Allow this command?',
  toolName: 'bash',
  fields: [
    {
      key: 'command',
      label: 'command',
      value: 'npm run build && npm publish --workspace @pizzapi/protocol --access public',
    },
    { key: 'timeout', label: 'timeout', value: '120' },
  ],
  actions: ACTIONS,
};
const EDIT: MetaPendingApproval = {
  promptId: 'v2',
  title: 'Allow the tool "edit"?',
  toolName: 'edit',
  fields: [
    { key: 'path', label: 'path', value: '/home/ada/code/pizzapi/clients/session-client/src/resume.ts' },
    {
      key: 'edits',
      label: 'edits',
      multiline: true,
      value: JSON.stringify([
        {
          oldText:
            "export function resumeAt(cursor: number): Resume {\n  return { type: 'resume', after: cursor - 1 };\n}",
          newText:
            "export function resumeAt(cursor: number): Resume {\n  // An offset of 0 means that nothing has been seen.\n  return cursor === 0 ? { type: 'resume' } : { type: 'resume', after: cursor };\n}",
        },
      ]),
    },
  ],
  actions: ACTIONS.map((action) => ({
    ...action,
    label: action.label.replace('bash "npm publish *"', 'every call of edit'),
  })),
};

const approval = (pending: MetaPendingApproval) => (): Scene => ({
  events: [
    said('u1', 'user', 'Publish the protocol package.'),
    { type: 'agent_start', at: NOW - 50_000 },
    { type: 'approval_pending', at: NOW - 30_000, approval: pending },
    walk(pending.promptId, 'Allow this? …', ['Allow once', 'Deny']),
  ],
  meta: { pendingApproval: pending },
});

const TRUST: MetaPluginTrustPrompt = {
  promptId: 't1',
  pluginNames: ['deploy.ts', 'Settings', 'MCP servers', 'Skills'],
  pluginSummaries: [
    'Extension .pi/extensions/deploy.ts',
    '.pi/settings.json: shellCommandPrefix source ./env.sh; packages npm:@acme/pi-tools, git:github.com/acme/pi-review',
    '.pi/mcp.json: tickets (npx), search (https://mcp.example.com)',
    '.agents/skills: release, review',
  ],
};

/** The agent works without them meanwhile. */
function trust(): Scene {
  return {
    events: [
      { type: 'plugin_trust_required', at: NOW - 70_000, prompt: TRUST },
      said('u1', 'user', 'What is in this repository?'),
      said('a1', 'assistant', 'A web server, with a folder `.pi` of its own.'),
    ],
    meta: { pendingPluginTrust: TRUST },
  };
}

export const PROMPTS: Readonly<Record<string, () => Scene>> = {
  'ask-several': several,
  'ask-six': six,
  'ask-late': late,
  'ask-plan': plan,
  'ask-command': approval(COMMAND),
  'ask-edit': approval(EDIT),
  'ask-trust': trust,
};

const waits = (sid: string, name: string, id: string): SessionInfo =>
  session(sid, { name, waiting: [id], cwd: '/home/ada/notes', state: 'waiting', busy: true }, 30);

export const PROMPT_SESSIONS: readonly SessionInfo[] = [
  waits('ask-several', 'Move the projection out of the process', 'q1'),
  waits('ask-six', 'Choose the toppings', 'q6'),
  waits('ask-late', 'Bake a pizza', 'q2'),
  waits('ask-plan', 'Plan the resume of viewers', 'p1'),
  waits('ask-command', 'Publish the protocol package', 'v1'),
  waits('ask-edit', 'Edit with an approval', 'v2'),
  waits('ask-trust', 'Look at a repository', 't1'),
];
