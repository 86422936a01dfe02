import { defineOptions, OPTIONS, readOptions, type OptionValues } from '@pizzapi/process';
import { CodedError, natsUrlOfGateway, parseRights, RUNNER_RIGHTS, type RunnerRight } from '@pizzapi/protocol';

const { home, pi, ca, runnerToken, logLevel, healthPort, healthHost } = OPTIONS;

/** The options of `pizzapi runner`. */
export const RUNNER_OPTIONS = defineOptions({
  home,
  name: {
    env: 'PIZZAPI_RUNNER_NAME',
    flag: '--name <name>',
    help: 'Name of the runner (default: the host name)',
    type: 'string',
  },
  roots: {
    env: 'PIZZAPI_ROOTS',
    flag: '--roots <folders...>',
    help: 'Folders that sessions may start in (default: the home folder)',
    type: 'paths',
  },
  allow: {
    env: 'PIZZAPI_ALLOW',
    flag: '--allow <rights>',
    help: `What people may do on this machine, separated by commas: ${RUNNER_RIGHTS.join(', ')} (default: what the token allows)`,
    type: 'string',
  },
  maxSessions: {
    env: 'PIZZAPI_MAX_SESSIONS',
    flag: '--max-sessions <number>',
    help: 'Most sessions that run at once',
    type: 'integer',
    default: 16,
    min: 1,
    max: 1_000,
  },
  warmWorker: {
    env: 'PIZZAPI_WARM_WORKER',
    flag: '--warm-worker <state>',
    help: 'Keep a worker ready, so that a new session begins at once: on, or off to save its memory',
    type: 'string',
    choices: ['on', 'off'],
    default: 'on',
  },
  idleMinutes: {
    env: 'PIZZAPI_IDLE_MINUTES',
    flag: '--idle-minutes <minutes>',
    help: 'Idle minutes after which a session is suspended until its next input',
    type: 'integer',
    default: 30,
    min: 1,
  },
  terminalIdleHours: {
    env: 'PIZZAPI_TERMINAL_IDLE_HOURS',
    flag: '--terminal-idle-hours <hours>',
    help: 'Hours without viewers after which a terminal ends; 0: never',
    type: 'integer',
    default: 24,
    min: 0,
    max: 8_760,
  },
  openSeconds: {
    env: 'PIZZAPI_OPEN_SECONDS',
    flag: '--open-seconds <seconds>',
    help: 'Seconds a session may take to open, extensions included',
    type: 'integer',
    default: 60,
    min: 1,
    max: 3_600,
  },
  human: {
    env: 'PIZZAPI_HUMAN',
    flag: '--human <state>',
    help: 'Tools for questions, to-dos, plans, approvals and goals: on or off',
    type: 'string',
    choices: ['on', 'off'],
    default: 'on',
  },
  approvals: {
    env: 'PIZZAPI_APPROVALS',
    flag: '--approvals <policy>',
    help: 'Tool calls that change something: allow, or ask for approval',
    type: 'string',
    choices: ['allow', 'ask'],
    default: 'allow',
  },
  interrupted: {
    env: 'PIZZAPI_INTERRUPTED',
    flag: '--interrupted <action>',
    help: 'After this runner was stopped while an agent worked: ask whether it continues, or continue it at the next start',
    type: 'string',
    choices: ['ask', 'continue'],
    default: 'ask',
  },
  linkWaitSeconds: {
    env: 'PIZZAPI_LINK_WAIT_SECONDS',
    flag: '--link-wait <seconds>',
    help: 'Seconds a child session waits for an answer before it continues; late answers are accepted for twice this time',
    type: 'integer',
    default: 300,
    min: 1,
    max: 300,
  },
  pi,
  agentDir: {
    env: 'PI_CODING_AGENT_DIR',
    flag: '--agent-dir <folder>',
    help: 'Folder of pi: keys, models, skills, extensions (default: your own)',
    type: 'path',
  },
  relayUrl: {
    ...OPTIONS.relayUrl,
    default: undefined,
    help: 'Address of the gateway, which passes the runner on to nats-server, unless --nats-url names that',
  },
  natsUrl: {
    ...OPTIONS.natsUrl,
    default: undefined,
    help: `Address of nats-server; separate several by commas (default: /nats of the gateway, or ${OPTIONS.natsUrl.default})`,
  },
  ca,
  runnerToken,
  healthPort,
  healthHost,
  logLevel,
});

export type RunnerOptions = Omit<OptionValues<typeof RUNNER_OPTIONS>, 'natsUrl' | 'allow'> & {
  readonly natsUrl: string;
  /** What people may do here, beside what the token allows. Undefined: everything. */
  readonly allow?: readonly RunnerRight[] | undefined;
};

/** The options of a runner: flag before variable before default. Throws `bad_option`. */
export function readRunnerOptions(flags: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): RunnerOptions {
  const options = readOptions(RUNNER_OPTIONS, flags, env);
  return { ...options, natsUrl: natsUrlFor(options), allow: rightsIn(options.allow) };
}

/** Where nats-server is: as named, else behind the named gateway, else on this machine. */
export function natsUrlFor({
  natsUrl,
  relayUrl,
}: {
  natsUrl: string | undefined;
  relayUrl: string | undefined;
}): string {
  return natsUrl ?? (relayUrl === undefined ? OPTIONS.natsUrl.default : natsUrlOfGateway(relayUrl));
}

function rightsIn(text: string | undefined): readonly RunnerRight[] | undefined {
  if (text === undefined) return undefined;
  const parsed = parseRights(text);
  if (parsed.kind === 'ok') return parsed.rights;
  throw new CodedError('bad_option', `--allow has the rights ${RUNNER_RIGHTS.join(', ')}, not "${parsed.word}"`);
}
