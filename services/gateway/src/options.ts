import { defineOptions, OPTIONS } from '@pizzapi/process';

const { home, port, host, publicUrl, natsUrl, natsUser, natsPassword, logLevel } = OPTIONS;

/** What the gateway's process can be told. */
export const GATEWAY_OPTIONS = defineOptions({
  home,
  port,
  host,
  publicUrl,
  natsUrl,
  natsUser,
  natsPassword,
  logLevel,
  dashboard: {
    env: 'PIZZAPI_DASHBOARD',
    flag: '--dashboard <folder>',
    help: 'Folder of the built dashboard; without it only the API is served',
    type: 'path',
  },
  spawnWaitMs: {
    env: 'PIZZAPI_SPAWN_WAIT_MS',
    flag: '--spawn-wait-ms <ms>',
    help: 'How long a runner may take to start a session before the answer is 202',
    type: 'integer',
    default: 10_000,
  },
  drainJitterMs: {
    env: 'PIZZAPI_DRAIN_JITTER_MS',
    flag: '--drain-jitter-ms <ms>',
    help: 'Time over which viewers come back when a gateway shuts down',
    type: 'integer',
    default: 2_000,
  },
});
