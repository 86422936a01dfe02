import { defineOptions, OPTIONS } from '@pizzapi/process';

/** The options of the process. Secrets are variables only. */
export const AUTHENTICATOR_OPTIONS = defineOptions({
  natsUrl: OPTIONS.natsUrl,
  natsNkey: OPTIONS.natsNkey,
  partitions: OPTIONS.partitions,
  issuerSeed: OPTIONS.issuerSeed,
  adminNkey: OPTIONS.adminNkey,
  accountStorage: OPTIONS.accountStorage,
  sessionStorage: OPTIONS.sessionStorage,
  retentionDays: OPTIONS.retentionDays,
  retentionSize: OPTIONS.retentionSize,
  healthPort: OPTIONS.healthPort,
  healthHost: OPTIONS.healthHost,
  logLevel: OPTIONS.logLevel,
});
