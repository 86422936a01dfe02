#!/usr/bin/env node
import {
  connectBackbone,
  isNkeySeed,
  natsLoginOf,
  verifyMapping,
  verifyProvisioned,
  type NkeyKind,
} from '@pizzapi/backbone';
import { createMetrics, parseFlags, readOptions, runService, withHealthServer, type Service } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { createAuthenticator } from './app.js';
import { AUTHENTICATOR_OPTIONS } from './options.js';

const about = 'Authenticates hosts at nats-server, grants sessions, and ends connections after a revocation';
const flags = parseFlags('authenticator', about, AUTHENTICATOR_OPTIONS);

/** A seed of the right kind. Throws `bad_option` without showing it. */
function seed(value: string | undefined, kind: NkeyKind, variable: string): string {
  if (value !== undefined && isNkeySeed(value, kind)) return value;
  throw new CodedError('bad_option', `${variable} must be the seed of an nkey for ${kind}s`);
}

await runService(
  'authenticator',
  async ({ log, signal, env }): Promise<Service> => {
    const options = readOptions(AUTHENTICATOR_OPTIONS, flags, env);
    const nkey = seed(options.natsNkey, 'user', 'PIZZAPI_NATS_NKEY');
    const adminNkey = seed(options.adminNkey, 'user', 'PIZZAPI_NATS_ADMIN_NKEY');
    const issuerSeed = seed(options.issuerSeed, 'account', 'PIZZAPI_AUTH_ISSUER');
    const { url, partitions } = natsLoginOf(options);
    const common = { url, log, signal, ...(partitions === undefined ? {} : { partitions }) };
    const [backbone, admin] = await Promise.all([
      connectBackbone({ ...common, name: 'authenticator', nkey }),
      connectBackbone({ ...common, name: 'authenticator-admin', nkey: adminNkey, provisioner: true }),
    ]);
    await verifyProvisioned(backbone);
    await verifyMapping(admin);
    const metrics = createMetrics({ process: true });
    const storage = { account: options.accountStorage, session: options.sessionStorage };
    const retention = { days: options.retentionDays, bytes: options.retentionSize };
    const authenticator = createAuthenticator({ backbone, admin, issuerSeed, storage, retention, log, metrics });
    return withHealthServer(() => authenticator, {
      ...{ port: options.healthPort, host: options.healthHost, ready: () => authenticator.ready(), metrics, log },
      release: () => Promise.all([backbone.close(), admin.close()]),
    });
  },
  { stopWithParent: true },
);
