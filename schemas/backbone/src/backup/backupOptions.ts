import { defineOptions, OPTIONS } from '@pizzapi/process';
import { STORAGE_OPTIONS } from '../storageOptions.js';

/** How the commands of an operator reach the store of an installation. */
export const BACKUP_OPTIONS = defineOptions({
  home: OPTIONS.home,
  natsUrl: {
    ...OPTIONS.natsUrl,
    help: 'Address of the nats-server of a deployment; needs PIZZAPI_NATS_ADMIN_NKEY. Without it: the home of a local run',
    default: undefined,
  },
  adminNkey: { ...OPTIONS.adminNkey, help: 'Seed of the nkey of the provisioner (SU…)' },
});

/** The options of `pizzapi restore`. */
export const RESTORE_OPTIONS = defineOptions({
  ...BACKUP_OPTIONS,
  partitions: {
    ...OPTIONS.partitions,
    help: 'How many partitions the log is to have; without it as many as it had',
    default: undefined,
  },
  replicas: OPTIONS.replicas,
  ...STORAGE_OPTIONS,
});
