import { OPTIONS } from './catalog.js';
import { defineOptions } from './options.js';

/** The options of `pizzapi migrate`. */
export const MIGRATE_OPTIONS = defineOptions({
  partitions: {
    env: 'PIZZAPI_PARTITIONS',
    flag: '--partitions <number>',
    help: 'How many partitions the log is to have. The number that it has gives up a move that was not finished',
    type: 'integer',
    min: 1,
    max: 64,
  },
  keep: {
    env: 'PIZZAPI_MIGRATE_KEEP',
    flag: '--keep',
    help: 'Keep the old streams after the move; they store nothing more',
    type: 'boolean',
    default: false,
  },
  home: OPTIONS.home,
  natsUrl: {
    env: 'PIZZAPI_NATS_URL',
    flag: '--nats-url <url>',
    help: 'Address of the nats-server of a deployment; needs PIZZAPI_NATS_ADMIN_NKEY. Without it: the home of a local run',
    type: 'url',
  },
  adminNkey: OPTIONS.adminNkey,
});
