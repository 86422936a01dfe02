import {
  BlobStore,
  NO_STORAGE_LIMITS,
  openNkey,
  type Backbone,
  type StorageLimits,
  createAuditWriter,
} from '@pizzapi/backbone';
import {
  exportBackboneMetrics,
  exportBuildInfo,
  packageVersion,
  type Logger,
  type Metrics,
  type Service,
} from '@pizzapi/process';
import { serveCallout } from './callout.js';
import { serveHostApi } from './hostApi.js';
import { Grants } from './grants.js';
import { createAuthenticatorMetrics } from './metrics.js';
import { servePurge } from './purge.js';
import { Erasures } from './erasures.js';
import { KEEP_ALL, type RetentionRules } from './retention.js';
import { LogSizes } from './logSizes.js';
import { ConnectionAuthorizer } from './connectionAuthorizer.js';
import { enforceRevocations } from './revocationEnforcer.js';
import { sweepBlobs } from './sweeping.js';

const VERSION = packageVersion(import.meta.url);

export interface AuthenticatorOptions {
  /** With the authenticator's own login. The streams must have been provisioned. */
  backbone: Backbone;
  /** With the provisioner's login, for what is removed for good: logs and blobs. */
  admin: Backbone;
  /** The account seed (`SA…`) whose public key nats-server's configuration names as the issuer. */
  issuerSeed: string;
  /** Bytes that accounts and sessions may store; without limits by default. */
  storage?: Partial<StorageLimits>;
  /** Between two looks for blobs that nothing refers to, and for what is older than it may be, in ms. */
  sweepMs?: number;
  /** What is kept of sessions that have ended; everything by default. */
  retention?: Partial<RetentionRules>;
  /** See `SECOND_LOOK_MS`. */
  secondLookMs?: number;
  /** Called when hosts are let in. */
  onServing?: () => void;
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
  const { backbone: b, admin, issuerSeed, log, metrics: registry } = options;
  const metrics = createAuthenticatorMetrics(registry);
  exportBackboneMetrics(
    registry,
    () => b.counters,
    () => b.status() === 'connected',
  );
  exportBuildInfo(registry, VERSION);
  const issuer = openNkey(issuerSeed);
  const grants = new Grants(issuerSeed);
  const authorizer = new ConnectionAuthorizer(b, log);
  const logSizes = new LogSizes(b);
  const audit = createAuditWriter(b, log);
  const blobs = new BlobStore(b, { ...NO_STORAGE_LIMITS, ...options.storage });
  const erasures = new Erasures({ b, admin, metrics, log, secondLookMs: options.secondLookMs });
  const retention = { ...KEEP_ALL, ...options.retention };
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
      await authorizer.start(ending.signal);
      if (ending.signal.aborted) return;
      stops = [
        serveCallout({ b, grants, authorizer, issuer, audit, metrics, log }),
        serveHostApi({ b, blobs, logSizes, grants, authorizer, erasures, audit, metrics, log }),
        servePurge({ b, admin, erasures, metrics, log }),
      ];
      log.info({ issuer: issuer.publicKey }, 'authenticating hosts');
      options.onServing?.();
      await Promise.all([
        authorizer.watching,
        enforceRevocations({ b, authorizer, metrics, log }, ending.signal),
        sweepBlobs({ b, admin, metrics, log, erasures, retention, sweepMs: options.sweepMs }, ending.signal),
      ]);
    },
    drain,
    stop: drain,
  };
}
