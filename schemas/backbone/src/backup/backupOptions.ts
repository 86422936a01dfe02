import { defineOptions, OPTIONS } from '@pizzapi/process';
import { STORAGE_OPTIONS } from '../storageOptions.js';

/** How the commands of an operator reach the store of an installation. */
export const BACKUP_OPTIONS = defineOptions({
  home: OPTIONS.home,
  natsUrl: {
    env: 'PIZZAPI_NATS_URL',
    flag: '--nats-url <url>',
    help: 'Address of the nats-server of a deployment; needs PIZZAPI_NATS_ADMIN_NKEY. Without it: the home of a local run',
    type: 'url',
  },
  adminNkey: {
    env: 'PIZZAPI_NATS_ADMIN_NKEY',
    help: 'Seed of the nkey of the provisioner (SU…)',
    type: 'string',
  },
});

/** The options of `pizzapi restore`. */
export const RESTORE_OPTIONS = defineOptions({
  ...BACKUP_OPTIONS,
  partitions: {
    env: 'PIZZAPI_PARTITIONS',
    flag: '--partitions <number>',
    help: 'How many partitions the log is to have; without it as many as it had',
    type: 'integer',
    min: 1,
    max: 64,
  },
  replicas: OPTIONS.replicas,
  ...STORAGE_OPTIONS,
});
