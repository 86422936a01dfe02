import { defineOptions, OPTIONS, readOptions, type OptionValues } from '@pizzapi/process';

const { home, pi, natsUrl, runnerToken, logLevel, healthPort } = OPTIONS;

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
  maxSessions: {
    env: 'PIZZAPI_MAX_SESSIONS',
    flag: '--max-sessions <number>',
    help: 'Most sessions that run at once',
    type: 'integer',
    default: 16,
    min: 1,
    max: 1_000,
  },
  idleMinutes: {
    env: 'PIZZAPI_IDLE_MINUTES',
    flag: '--idle-minutes <minutes>',
    help: 'Idle minutes after which a session is suspended until its next input',
    type: 'integer',
    default: 30,
    min: 1,
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
  natsUrl,
  runnerToken,
  healthPort,
  logLevel,
});

export type RunnerOptions = OptionValues<typeof RUNNER_OPTIONS>;

/** The options of a runner: flag before variable before default. Throws `bad_option`. */
export function readRunnerOptions(flags: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): RunnerOptions {
  return readOptions(RUNNER_OPTIONS, flags, env);
}
