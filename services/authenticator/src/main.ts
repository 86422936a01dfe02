#!/usr/bin/env node
import { isNkeySeed, runBackboneService, verifyMapping, type NkeyKind } from '@pizzapi/backbone';
import { announceReady, type OptionValues } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { createAuthenticator } from './app.js';
import { AUTHENTICATOR_OPTIONS } from './options.js';

const about = 'Authenticates hosts at nats-server, grants sessions, and ends connections after a revocation';

/** A seed of the right kind. Throws `bad_option` without showing it. */
function seed(value: string | undefined, kind: NkeyKind, variable: string): string {
  if (value !== undefined && isNkeySeed(value, kind)) return value;
  throw new CodedError('bad_option', `${variable} must be the seed of an nkey for ${kind}s`);
}

const seedsOf = ({ natsNkey, adminNkey, issuerSeed }: OptionValues<typeof AUTHENTICATOR_OPTIONS>) => ({
  nkey: seed(natsNkey, 'user', 'PIZZAPI_NATS_NKEY'),
  adminNkey: seed(adminNkey, 'user', 'PIZZAPI_NATS_ADMIN_NKEY'),
  issuerSeed: seed(issuerSeed, 'account', 'PIZZAPI_AUTH_ISSUER'),
});

await runBackboneService(
  'authenticator',
  { about, options: AUTHENTICATOR_OPTIONS, check: seedsOf },
  async ({ options, backbone, connect, metrics, log }) => {
    const { adminNkey: nkey, issuerSeed } = seedsOf(options);
    const admin = await connect({ name: 'authenticator-admin', nkey, provisioner: true });
    await verifyMapping(admin);
    const storage = { account: options.accountStorage, session: options.sessionStorage };
    const retention = { days: options.retentionDays, bytes: options.retentionSize };
    const limits = { storage, retention };
    const authenticator = createAuthenticator({
      ...{ backbone, admin, issuerSeed, log, metrics, ...limits },
      onServing: announceReady,
    });
    return {
      start: () => authenticator,
      ready: () => authenticator.ready(),
      release: () => admin.close(),
    };
  },
);
