import { OPTIONS } from './catalog.js';
import { defineOptions } from './options.js';

/** The options of `pizzapi credentials`. */
export const CREDENTIALS_OPTIONS = defineOptions({
  folder: {
    env: 'PIZZAPI_CREDENTIALS',
    help: 'Folder for the secrets and the accounts of nats-server',
    type: 'path',
  },
  partitions: {
    ...OPTIONS.partitions,
    help: 'Partitions of the log, for the accounts of nats-server (default: as the folder has it, else 1)',
    default: undefined,
  },
  nodes: {
    env: 'PIZZAPI_NATS_NODES',
    flag: '--nodes <hosts>',
    help: 'Write routes.conf too: host names of the servers of a cluster, separated by commas',
    type: 'string',
  },
  readable: {
    env: 'PIZZAPI_CREDENTIALS_READABLE',
    flag: '--readable',
    help: 'Let every user read the files who can enter the folder, because processes in containers have users of their own',
    type: 'boolean',
    default: false,
  },
});
