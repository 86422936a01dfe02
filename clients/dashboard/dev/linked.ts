import type { MetaPendingQuestion, RunnerInfo, SessionInfo } from '@pizzapi/protocol';
import { runner, session } from './lists.js';
import type { Scene } from './scene.js';

/** Stories of sessions that started each other, and of one in somebody's terminal. */
const NOW = Date.now();
const MINUTE = 60_000;
let clock = NOW - 20 * MINUTE;
const at = (ms = 20_000) => (clock += ms);

/** Who came by a link. */
const BOB = { shareId: 'x1', sessionId: 'boss', name: 'Bob' };
const ADA = { userId: 'owner', via: 'owner', name: 'Ada Lovelace' };
const said = (id: string, role: string, text: string, origin?: object) => ({
  type: 'message_end',
  at: at(),
  messageId: id,
  entryId: id,
  message: { role, content: [{ type: 'text', text }] },
  ...(origin === undefined ? {} : { origin }),
});
/** An input and its message. `about`: what a text for the agent is. */
const input = (commandId: string, text: string, by: object, about?: object) => {
  const shown = about === undefined ? {} : { about };
  return [
    { type: 'input_received', at: at(), commandId, text, by, deliverAs: 'prompt', ...shown },
    { type: 'input_delivered', at: at(0), commandId },
    said(`m_${commandId}`, 'user', text, { commandId, by, ...shown }),
  ];
};
const spawn = (spawnId: string, sessionId: string, name: string, prompt: string) => ({
  ...{ type: 'session_spawn', at: at(), spawnId, sessionId, name, prompt },
});
const receipt = (requestId: string, to: string, outcome: string, error?: object) => ({
  ...{ type: 'link_receipt', at: at(0), requestId, to, outcome },
  ...(error === undefined ? {} : { error }),
});
const received = (triggerId: string, sessionId: string, kind: string, payload: object, expiresAt?: number) => ({
  ...{ type: 'trigger_received', at: at(), triggerId, sessionId, kind, payload },
  ...(expiresAt === undefined ? {} : { expiresAt }),
});

const QUESTION: MetaPendingQuestion = {
  toolCallId: 'lq1',
  questions: [{ question: 'Which of the two queues may be dropped?', options: ['The retry queue', 'Neither'] }],
};

function parent(): Scene {
  clock = NOW - 20 * MINUTE;
  return {
    events: [
      ...input('c1', 'Prepare release 2.4: the change log, the upgrade notes, and a load test.', ADA),
      { type: 'agent_start', at: at() },
      said('a1', 'assistant', 'I split this into three sessions and keep the overview.'),
      spawn('sp1', 'kid-log', 'Change log of 2.4', 'Write the change log of release 2.4 from the merged branches.'),
      receipt('sp1', 'kid-log', 'delivered'),
      spawn('sp2', 'kid-notes', 'Upgrade notes', 'Write upgrade notes for whoever comes from 2.3.'),
      receipt('sp2', 'kid-notes', 'delivered'),
      ...input('c3', 'Please run a load test too.', { userId: 'guest_x1', via: 'collab', name: 'Bob' }),
      { ...spawn('sp3', 'kid-load', 'Load test', 'Run the load test against the release candidate.'), guests: [BOB] },
      receipt('sp3', 'kid-load', 'delivered'),
      received('t0', 'kid-log', 'ask_user_question', {
        questions: [{ question: 'Do internal changes belong into it?', options: ['Yes', 'No'] }],
      }),
      { type: 'trigger_response', at: at(), triggerId: 't0', response: 'No', to: 'kid-log' },
      receipt('t0', 'kid-log', 'delivered'),
      ...input(
        'c2',
        'The child session "Change log of 2.4" (kid-log) is done. Give it more to do with tell_child, or end it.',
        { userId: 'owner', via: 'agent' },
        { kind: 'trigger', trigger: 'session_complete', sessionId: 'kid-log' },
      ),
      received('t1', 'kid-log', 'session_complete', {
        text: 'The change log is in `CHANGELOG.md`: **14 entries**, two of them breaking.',
      }),
      {
        type: 'session_message',
        at: at(),
        from: 'boss',
        to: 'kid-notes',
        messageId: 'mm1',
        text: 'Two changes are breaking: see CHANGELOG.md.',
      },
      receipt('mm1', 'kid-notes', 'queued'),
      received('t2', 'kid-notes', 'plan_review', {
        plan: {
          title: 'Upgrade notes',
          steps: [{ title: 'List the breaking changes' }, { title: 'Write a page for each' }],
        },
      }),
      { type: 'trigger_closed', at: at(), triggerId: 't2', how: 'answered', by: ADA, sessionId: 'kid-notes' },
      received('t4', 'kid-old', 'ask_user_question', { questions: [{ question: 'Which machine?', options: [] }] }),
      { type: 'trigger_response', at: at(), triggerId: 't4', response: 'bench-box', to: 'kid-old' },
      receipt('t4', 'kid-old', 'late', { code: 'trigger_late', message: 'The question had timed out.' }),
      received('t5', 'kid-old', 'session_error', { message: 'The machine ran out of disk space.', reason: 'error' }),
      received('t3', 'kid-load', 'ask_user_question', { questions: QUESTION.questions }, NOW + 4 * MINUTE),
    ],
    meta: {},
  };
}

function child(): Scene {
  clock = NOW - 12 * MINUTE;
  return {
    events: [
      ...input(
        'c1',
        'Run the load test against the release candidate.',
        { userId: 'owner', via: 'agent' },
        { kind: 'task', sessionId: 'boss' },
      ),
      { type: 'agent_start', at: at() },
      said('a1', 'assistant', 'The test needs an empty broker; two queues still hold messages.'),
      { type: 'session_message', at: at(), from: 'boss', messageId: 'mm2', text: 'Take the machine in the cellar.' },
      {
        type: 'session_trigger',
        at: at(),
        triggerId: 't3',
        kind: 'ask_user_question',
        parentSessionId: 'boss',
        payload: { questions: QUESTION.questions },
        expiresAt: NOW + 4 * MINUTE,
      },
      receipt('t3', 'boss', 'delivered'),
      { type: 'question_pending', at: at(0), question: QUESTION },
    ],
    meta: { pendingQuestion: QUESTION },
  };
}

function terminal(): Scene {
  clock = NOW - 12 * MINUTE;
  const by = { userId: 'owner', via: 'terminal', name: 'Ada Lovelace' };
  return {
    events: [
      ...input('c1', 'Why does the build take so long?', by),
      said('a1', 'assistant', 'Most of it is type checking: 41 of 58 seconds.'),
      ...input('c2', 'Then cache it, please.', { userId: 'guest_x1', via: 'collab', name: 'Ann' }),
      ...input('c3', 'And tell me how much that saves.', ADA),
      ...input('c4', 'Nightly run: 17 seconds.', { userId: 'owner', via: 'api', name: 'Ada Lovelace' }),
    ],
    meta: {},
  };
}

const brief = (): Scene => ({ events: [said('u1', 'user', 'Do your part.')], meta: {} });

export const LINKED: Readonly<Record<string, () => Scene>> = {
  boss: parent,
  'kid-load': child,
  'kid-notes': brief,
  grandkid: brief,
  terminal,
};

const CWD = '/home/ada/code/release';
const kid = (sid: string, name: string, fields: Partial<SessionInfo>, minutes: number): SessionInfo =>
  session(sid, { name, cwd: CWD, parentSessionId: 'boss', ...fields }, minutes);

export const LINKED_SESSIONS: readonly SessionInfo[] = [
  session('boss', { name: 'Prepare release 2.4', cwd: CWD, state: 'working', busy: true }, 1),
  kid('kid-log', 'Change log of 2.4', { state: 'ended', endReason: 'completed' }, 9),
  kid('kid-notes', 'Upgrade notes', { state: 'working', busy: true }, 2),
  kid('kid-load', 'Load test', { state: 'waiting', waiting: ['lq1'], busy: true, runnerId: 'r2', startedBy: [BOB] }, 3),
  session(
    'grandkid',
    { name: 'Fill the queues', cwd: CWD, parentSessionId: 'kid-load', state: 'working', busy: true },
    3,
  ),
  session('orphan', { name: 'Child of a session that was deleted', cwd: CWD, parentSessionId: 'gone' }, 40),
  session('terminal', { name: 'Make the build faster', cwd: CWD, runnerId: 't1' }, 5),
];

export const LINKED_RUNNERS: readonly RunnerInfo[] = [runner('t1', { name: 'ada-laptop', kind: 'tui' })];
