import { connectBackbone, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import { CodedError, runnerPassword, splitAddresses } from '@pizzapi/protocol';
import type { RunnerOptions } from '../options.js';
import type { RunnerIdentity } from './identity.js';

/**
 * How long a daemon that starts is refused before it gives up, in ms: the authenticator may be starting as well, and a
 * server whose authenticator is away refuses everybody.
 */
const REFUSED_MS = 15_000;
/** Between two warnings that a runner is refused, in ms. */
const WARN_EVERY_MS = 60_000;

export type HostConnections = Pick<RunnerOptions, 'natsUrl'> & {
  identity: RunnerIdentity;
  token: string;
  log: Logger;
  signal: AbortSignal;
};

/** The token of this runner, or `runner_token_missing` with what to do about it. */
export function requireToken({ runnerToken }: Pick<RunnerOptions, 'runnerToken'>): string {
  if (runnerToken !== undefined) return runnerToken;
  throw new CodedError('runner_token_missing', 'The runner has no token');
}

/**
 * The connection of a daemon. Waits for a server that cannot be reached; throws `runner_refused` when it is still refused
 * after `patienceMs`, for then waiting helps no more.
 */
export async function connectRunner(host: HostConnections, patienceMs = REFUSED_MS): Promise<Backbone> {
  const { signal } = host;
  for (;;) {
    try {
      return await connectAs('runner', host, AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]));
    } catch (error) {
      if (signal.aborted || !(error instanceof CodedError)) throw error;
      if (error.code === 'nats_unreachable') continue;
      throw error.code === 'nats_unauthorized' ? refused(host) : error;
    }
  }
}

/** Says in the log, now and then, that the server does not let a runner back in that it had let in before. */
export function warnWhenRefused(backbone: Backbone, { identity, log }: HostConnections): void {
  let last = -Infinity;
  backbone.onRefused(() => {
    if (performance.now() - last < WARN_EVERY_MS) return;
    last = performance.now();
    log.warn(
      { code: 'runner_refused', runnerId: identity.runnerId },
      'nats-server refused the token of this runner: it was revoked, or no authenticator answers. Sessions continue and ' +
        'spool their events on disk; the runner retries. To get a new token, run `pizzapi runner pair` and restart the runner',
    );
  });
}

/** The connection of a daemon for its sessions that have no worker. Waits until it is there or `signal` aborts. */
export const connectForSuspendedSessions = (host: HostConnections): Promise<Backbone> =>
  connectAs('keeper', host, host.signal);

function connectAs(kind: 'runner' | 'keeper', host: HostConnections, signal: AbortSignal): Promise<Backbone> {
  const { natsUrl, identity, token, log } = host;
  return connectBackbone({
    url: splitAddresses(natsUrl),
    name: `pizzapi ${kind} ${identity.runnerId}`,
    host: { kind, rid: identity.runnerId },
    password: runnerPassword(token, identity.runnerSecret),
    log,
    signal,
  });
}

function refused({ identity: { runnerId }, natsUrl }: HostConnections): CodedError {
  return new CodedError('runner_refused', `${natsUrl} refused the token of the runner ${runnerId}`);
}
