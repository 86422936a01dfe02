import type { Backbone } from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import { parseConnectionName } from './connectionName.js';
import { kick, listConnections } from './connections.js';
import type { AuthenticatorMetrics } from './metrics.js';
import type { ConnectionAuthorizer } from './connectionAuthorizer.js';
import { AUTH_TIMEOUT_S } from './roles.js';

/** Between two looks at all connections when nothing was revoked, in ms: for keys that expired. */
export const REVOCATION_SCAN_MS = 30_000;
/** Between two looks after something was revoked, in ms. */
export const AGAIN_MS = 500;
/**
 * For so long after a revocation connections are looked through, in ms: longer than the server waits for an answer, in
 * which a host may have been let in by what was read just before.
 */
export const SETTLE_MS = AUTH_TIMEOUT_S * 1_000 + 1_000;

export interface RevocationEnforcerDeps {
  /** May ask all servers for connections. */
  b: Backbone;
  authorizer: ConnectionAuthorizer;
  metrics: AuthenticatorMetrics;
  log: Logger;
}

/**
 * Ends the connections of hosts whose key was revoked or expired, whose account was disabled, or whose session was
 * deleted or given to another host. Looks at once when one of these happens, again until none is left, and at the start.
 */
export async function enforceRevocations(deps: RevocationEnforcerDeps, signal: AbortSignal): Promise<void> {
  const { authorizer, log } = deps;
  let until = Date.now() + SETTLE_MS;
  let woken = new AbortController();
  authorizer.onLoss(() => {
    until = Date.now() + SETTLE_MS;
    woken.abort();
  });
  while (!signal.aborted) {
    woken = new AbortController();
    const left = await endRevoked(deps).catch((err: unknown) => {
      log.warn({ err }, 'connections could not be listed');
      return 1;
    });
    const soon = left > 0 || Date.now() < until;
    await sleep(soon ? AGAIN_MS : REVOCATION_SCAN_MS, AbortSignal.any([signal, woken.signal]));
  }
}

/** One look; how many had to be ended. */
async function endRevoked({ b, authorizer, metrics, log }: RevocationEnforcerDeps): Promise<number> {
  const now = Date.now();
  const revoked = (await listConnections(b)).filter(
    ({ name }) => parseConnectionName(name) !== undefined && !authorizer.mayStay(name, now),
  );
  for (const connection of revoked) {
    log.info({ connection: connection.name }, 'ending a connection after a revocation');
    await kick(b, connection);
    metrics.kicks.inc();
  }
  return revoked.length;
}
