import { OWN_SECRETS } from '@pizzapi/process';
import type { RunnerOptions } from './options.js';

/** An environment with nothing to sign in with. No worker needs a secret, and a program of its agent could read it there. */
export function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OWN_SECRETS.includes(name)));
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
