import { EXPORTER_SECRETS, OWN_SECRETS } from '@pizzapi/process';
import type { RunnerOptions } from './options.js';

/** An environment with nothing to sign in with. Programs of agents and of people can read theirs. */
export function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const secrets = [...OWN_SECRETS, ...EXPORTER_SECRETS];
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.includes(name)));
}

/**
 * The environment of a worker: that of the person, where NATS is, and nothing to sign in with there. The worker removes what its
 * exporter of traces signs in with, once the exporter has read it.
 */
export function workerEnvironment(env: NodeJS.ProcessEnv, options: RunnerOptions): NodeJS.ProcessEnv {
  const { natsUrl, logLevel, agentDir, human, approvals, interrupted, linkWaitSeconds } = options;
  return {
    ...withoutSecrets(env),
    ...Object.fromEntries(Object.entries(env).filter(([name]) => EXPORTER_SECRETS.includes(name))),
    PIZZAPI_NATS_URL: natsUrl,
    PIZZAPI_LOG_LEVEL: logLevel,
    PIZZAPI_HUMAN: human,
    PIZZAPI_APPROVALS: approvals,
    PIZZAPI_INTERRUPTED: interrupted,
    PIZZAPI_LINK_WAIT_SECONDS: String(linkWaitSeconds),
    ...(agentDir === undefined ? {} : { PI_CODING_AGENT_DIR: agentDir }),
  };
}
