import { defineOptions, OPTIONS } from '@pizzapi/process';

/** The options of the process. */
export const PROJECTOR_OPTIONS = defineOptions({
  natsUrl: OPTIONS.natsUrl,
  natsNkey: OPTIONS.natsNkey,
  natsUser: OPTIONS.natsUser,
  natsPassword: OPTIONS.natsPassword,
  partitions: OPTIONS.partitions,
  hostLostGraceMs: OPTIONS.hostLostGraceMs,
  healthPort: OPTIONS.healthPort,
  healthHost: OPTIONS.healthHost,
  publicUrl: OPTIONS.publicUrl,
  notifyPrivate: OPTIONS.notifyPrivate,
  rebuild: {
    env: 'PIZZAPI_REBUILD',
    flag: '--rebuild',
    help: 'Rebuild all projections from the log, replace them, and exit',
    type: 'boolean',
    default: false,
  },
});
