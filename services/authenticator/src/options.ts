import { defineOptions, OPTIONS } from '@pizzapi/process';

/** The options of the process. Secrets are variables only. */
export const AUTHENTICATOR_OPTIONS = defineOptions({
  natsUrl: OPTIONS.natsUrl,
  natsNkey: OPTIONS.natsNkey,
  partitions: OPTIONS.partitions,
  issuerSeed: {
    env: 'PIZZAPI_AUTH_ISSUER',
    help: 'Seed of the account nkey that signs the logins of hosts (SA…)',
    type: 'string',
  },
  adminNkey: {
    env: 'PIZZAPI_NATS_ADMIN_NKEY',
    help: 'Seed of the nkey of the provisioner, to delete logs (SU…)',
    type: 'string',
  },
  accountStorage: OPTIONS.accountStorage,
  sessionStorage: OPTIONS.sessionStorage,
  retentionDays: OPTIONS.retentionDays,
  retentionSize: OPTIONS.retentionSize,
  healthPort: OPTIONS.healthPort,
  logLevel: OPTIONS.logLevel,
});
