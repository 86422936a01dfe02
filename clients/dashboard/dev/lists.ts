import { errorInfo, type RunnerInfo, type RunnerPi, type SessionInfo } from '@pizzapi/protocol';

const NOW = Date.now();
const MINUTE = 60_000;

/** The pi of the runners, as one that a person has installed. */
const PI: RunnerPi = {
  name: '@earendil-works/pi-coding-agent',
  version: '1.6.0',
  path: '/home/ada/.local/lib/node_modules/@earendil-works/pi-coding-agent',
  node: '22.23.5',
  source: 'path',
  tested: true,
};

/** A session of the lists, some minutes ago. */
export function session(sessionId: string, fields: Partial<SessionInfo>, minutesAgo: number): SessionInfo {
  return {
    sessionId,
    name: '',
    cwd: '/home/ada/code/pizzapi',
    model: { provider: 'anthropic', id: 'claude-sonnet-4-5' },
    runnerId: 'r1',
    userId: 'owner',
    state: 'idle',
    host: 'connected',
    epoch: 1,
    piVersion: PI.version,
    pi: { name: PI.name, version: PI.version, node: PI.node, tested: PI.tested },
    startedAt: NOW - (minutesAgo + 40) * MINUTE,
    lastActivityAt: NOW - minutesAgo * MINUTE,
    messages: 12,
    busy: false,
    waiting: [],
    cost: 0.12,
    ...fields,
  };
}

export const SESSIONS: SessionInfo[] = [
  session('story', { name: 'Resume viewers from their offset', state: 'working', busy: true }, 0),
  session(
    'ask',
    { firstPrompt: 'Which database should the projector use?', state: 'waiting', waiting: ['d1'], busy: true },
    3,
  ),
  session('long', { name: 'A session of ten thousand messages', messages: 10_000 }, 25),
  session('fresh', { model: 'demo/demo', cwd: '/home/ada/code/site', messages: 0 }, 8),
  session(
    'lost',
    {
      name: 'Nightly benchmark on the big machine',
      cwd: '/srv/bench',
      runnerId: 'r2',
      host: 'lost',
      state: 'working',
      busy: true,
    },
    14,
  ),
  session(
    'done',
    {
      name: 'Port the selector to the new theme',
      cwd: '/home/ada/code/site',
      state: 'ended',
      endedAt: NOW - 200 * MINUTE,
      endReason: 'completed',
    },
    200,
  ),
  session('done2', { name: 'Explain the fencing of two writers', state: 'ended', endReason: 'completed' }, 2900),
  session('whole', { name: 'A very long answer', cwd: '/home/ada/code/site' }, 410),
  session('whole-open', { name: 'A very long answer, in writing', busy: true, state: 'working' }, 420),
  session('formulas', { name: 'Formulas', cwd: '/home/ada/code/site' }, 430),
  session('paragraphs', { name: 'A long answer', cwd: '/home/ada/code/site' }, 400),
  session('hostile', { name: 'Summarise a page that means no good', cwd: '/home/ada/code/site' }, 500),
];

/** Many sessions in some folders, for a long list. */
export const manySessions = (count: number): SessionInfo[] =>
  Array.from({ length: count }, (_, i) =>
    session(`many${i}`, { name: `Task ${i}`, cwd: `/home/ada/code/project${i % 12}`, messages: i }, 600 + i),
  );

const models = [
  { model: 'demo/demo', name: 'Demo', available: true, reasoning: true, images: true, contextWindow: 128_000 },
  {
    model: 'anthropic/claude-sonnet-4-5',
    name: 'Claude Sonnet 4.5',
    available: true,
    reasoning: true,
    images: true,
    contextWindow: 200_000,
  },
  {
    model: 'anthropic/claude-opus-4-5',
    name: 'Claude Opus 4.5',
    available: true,
    reasoning: true,
    images: true,
    contextWindow: 200_000,
  },
  {
    model: 'openai/gpt-5.1-codex',
    name: 'GPT-5.1 Codex',
    available: false,
    reasoning: true,
    images: true,
    contextWindow: 400_000,
  },
];

/** A runner of the lists. */
export function runner(runnerId: string, fields: Partial<RunnerInfo>): RunnerInfo {
  return {
    runnerId,
    name: runnerId,
    kind: 'daemon',
    version: '0.1.0',
    piVersion: PI.version,
    pi: PI,
    platform: 'linux',
    roots: ['/home/ada'],
    models,
    defaultModel: 'anthropic/claude-sonnet-4-5',
    maxSessions: 16,
    sessions: [],
    approvals: 'allow',
    git: '2.47.3',
    recentFolders: ['/home/ada/code/pizzapi', '/home/ada/code/site', '/home/ada/notes'],
    warnings: [],
    services: [],
    startedAt: NOW,
    online: true,
    ...fields,
  };
}

export const RUNNERS: RunnerInfo[] = [
  runner('r1', { name: 'ada-laptop' }),
  runner('r2', { name: 'bench-box', online: false }),
];

/** Runners that cannot run the pi on PATH, or run one that is newer than the tested ones. */
export const LIMITED_RUNNERS: RunnerInfo[] = [
  runner('r1', {
    name: 'ada-laptop',
    pi: { ...PI, version: '0.73.1', path: null, node: '20.20.2', source: 'bundled' },
    warnings: [
      {
        ...errorInfo(
          'pi_node_too_old',
          'pi 1.6.0 at /home/ada/.local/bin/pi cannot be used: it would run on Node 20.20.2 (/usr/bin/node)',
        ),
        at: NOW,
      },
    ],
  }),
  runner('r2', { name: 'bench-box', pi: { ...PI, version: '2.0.0', tested: false } }),
];

/** A runner with the name of another one. */
export const TWIN_RUNNER: RunnerInfo = runner('bench_4f2a', { name: 'bench-box', online: false });
