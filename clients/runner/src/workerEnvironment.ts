import type { RunnerOptions } from './options.js';

/** Secrets of ours: no worker needs one, and what a model has written could read them there. */
const SECRETS = ['PIZZAPI_RUNNER_TOKEN', 'PIZZAPI_API_KEY', 'PIZZAPI_NATS_USER', 'PIZZAPI_NATS_PASSWORD'];

/** An environment with nothing to sign in with. */
export function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !SECRETS.includes(name)));
}

/** The environment of a worker: that of the person, where NATS is, and nothing to sign in with. */
export function workerEnvironment(env: NodeJS.ProcessEnv, options: RunnerOptions): NodeJS.ProcessEnv {
  const { natsUrl, logLevel, agentDir, human, approvals, interrupted, linkWaitSeconds } = options;
  return {
    ...withoutSecrets(env),
    PIZZAPI_NATS_URL: natsUrl,
    PIZZAPI_LOG_LEVEL: logLevel,
    PIZZAPI_HUMAN: human,
    PIZZAPI_APPROVALS: approvals,
    PIZZAPI_INTERRUPTED: interrupted,
    PIZZAPI_LINK_WAIT_SECONDS: String(linkWaitSeconds),
    ...(agentDir === undefined ? {} : { PI_CODING_AGENT_DIR: agentDir }),
  };
}
