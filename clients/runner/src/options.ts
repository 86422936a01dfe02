import { defineOptions, OPTIONS, readOptions, type OptionValues } from '@pizzapi/process';

const { home, natsUrl, runnerToken, logLevel, healthPort } = OPTIONS;

/** The options of `pizzapi runner`. */
export const RUNNER_OPTIONS = defineOptions({
  home,
  name: {
    env: 'PIZZAPI_RUNNER_NAME',
    flag: '--name <name>',
    help: 'Name people see; the host name by default',
    type: 'string',
  },
  roots: {
    env: 'PIZZAPI_ROOTS',
    flag: '--roots <folders...>',
    help: 'Folders that sessions may start in; the home folder by default',
    type: 'paths',
  },
  maxSessions: {
    env: 'PIZZAPI_MAX_SESSIONS',
    flag: '--max-sessions <number>',
    help: 'How many sessions may be awake at once',
    type: 'integer',
    default: 16,
    min: 1,
    max: 1_000,
  },
  idleMinutes: {
    env: 'PIZZAPI_IDLE_MINUTES',
    flag: '--idle-minutes <minutes>',
    help: 'Quiet after which a session sleeps, until somebody writes to it',
    type: 'integer',
    default: 30,
    min: 1,
  },
  human: {
    env: 'PIZZAPI_HUMAN',
    flag: '--human <state>',
    help: 'Tools by which the agent asks people (questions, to-dos, plans, approvals, goals): on or off',
    type: 'string',
    choices: ['on', 'off'],
    default: 'on',
  },
  approvals: {
    env: 'PIZZAPI_APPROVALS',
    flag: '--approvals <policy>',
    help: 'Whether tools that change something ask first: allow or ask',
    type: 'string',
    choices: ['allow', 'ask'],
    default: 'allow',
  },
  linkWaitSeconds: {
    env: 'PIZZAPI_LINK_WAIT_SECONDS',
    flag: '--link-wait <seconds>',
    help: 'How long a child session waits for an answer before it goes on; one is taken for twice as long',
    type: 'integer',
    default: 300,
    min: 1,
    max: 300,
  },
  agentDir: {
    env: 'PI_CODING_AGENT_DIR',
    flag: '--agent-dir <folder>',
    help: "pi's folder: keys, models, skills, extensions; your own by default",
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
