import { openNkey, type Backbone } from '@pizzapi/backbone';
import { showBackbone, type Logger, type Metrics, type Service } from '@pizzapi/process';
import { serveCallout } from './callout.js';
import { serveDesk } from './desk.js';
import { Grants } from './grants.js';
import { createMeters } from './meters.js';
import { servePurge } from './purge.js';
import { Registry } from './registry.js';
import { patrol } from './revocation.js';
import { trailOf } from './trail.js';

export interface AuthenticatorOptions {
  /** With the authenticator's own login. The streams must have been provisioned. */
  backbone: Backbone;
  /** With the provisioner's login, for purges. */
  admin: Backbone;
  /** The account seed (`SA…`) whose public key nats-server's configuration names as the issuer. */
  issuerSeed: string;
  log: Logger;
  metrics: Metrics;
}

export interface Authenticator extends Service {
  /** Whether hosts are let in. */
  ready(): boolean;
}

/**
 * The authenticator: says who may connect to nats-server as a host, grants sessions, does for hosts what their own
 * connections may not, and ends connections of what was revoked. Several at once share the work.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { backbone: b, admin, issuerSeed, log, metrics } = options;
  const meters = createMeters(metrics);
  showBackbone(metrics, () => b.counters);
  const issuer = openNkey(issuerSeed);
  const grants = new Grants(issuerSeed);
  const registry = new Registry(b);
  const trail = trailOf(b, log);
  const ending = new AbortController();
  let stops: (() => void)[] = [];

  const drain = (): Promise<void> => {
    for (const stop of stops.splice(0)) stop();
    ending.abort();
    return Promise.resolve();
  };
  return {
    name: 'authenticator',
    ready: () => stops.length > 0 && b.status() === 'connected',
    async run() {
      await registry.start(ending.signal);
      if (ending.signal.aborted) return;
      stops = [
        serveCallout({ b, grants, registry, issuer, trail, meters, log }),
        serveDesk({ b, grants, registry, trail, meters, log }),
        servePurge({ b, admin, meters, log }),
      ];
      log.info({ issuer: issuer.publicKey }, 'hosts are let in');
      await Promise.all([registry.watching, patrol({ b, registry, meters, log }, ending.signal)]);
    },
    drain,
    stop: drain,
  };
}
