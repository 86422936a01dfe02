import { LOG_LEVELS } from './logger.js';
import { defineOptions } from './options.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** The options that more than one process or command takes. A process picks the ones it reads. */
export const OPTIONS = defineOptions({
  home: {
    env: 'PIZZAPI_HOME',
    flag: '--home <folder>',
    help: 'Folder for all state of a local run',
    type: 'path',
    default: '~/.pizzapi',
  },
  port: {
    env: 'PIZZAPI_PORT',
    flag: '--port <number>',
    help: 'Port of the gateway; 0 takes a free port',
    type: 'integer',
    default: 7492,
    max: 65_535,
  },
  host: {
    env: 'PIZZAPI_HOST',
    flag: '--host <address>',
    help: 'Address the gateway listens on',
    type: 'string',
    default: '127.0.0.1',
  },
  publicUrl: {
    env: 'PIZZAPI_PUBLIC_URL',
    flag: '--public-url <url>',
    help: 'Address of the page, when it differs from host and port; without a path',
    type: 'origin',
  },
  natsUrl: {
    env: 'PIZZAPI_NATS_URL',
    flag: '--nats-url <url>',
    help: 'Address of nats-server; separate several by commas',
    type: 'url',
    default: 'nats://127.0.0.1:4222',
  },
  natsNkey: { env: 'PIZZAPI_NATS_NKEY', help: 'Seed of the nkey of a service at nats-server (SU…)', type: 'string' },
  natsUser: { env: 'PIZZAPI_NATS_USER', help: 'User name at nats-server', type: 'string' },
  natsPassword: { env: 'PIZZAPI_NATS_PASSWORD', help: 'Password at nats-server', type: 'string' },
  natsServer: { env: 'PIZZAPI_NATS_SERVER', help: 'Path of the nats-server program to run', type: 'path' },
  runnerToken: { env: 'PIZZAPI_RUNNER_TOKEN', help: 'Runner token, with which a runner registers', type: 'token' },
  apiKey: { env: 'PIZZAPI_API_KEY', help: 'Key for the HTTP API', type: 'token' },
  relayUrl: {
    env: 'PIZZAPI_RELAY_URL',
    flag: '--relay-url <url>',
    help: 'Address of the gateway for commands',
    type: 'url',
    default: 'http://127.0.0.1:7492',
  },
  logLevel: {
    env: 'PIZZAPI_LOG_LEVEL',
    flag: '--log-level <level>',
    help: `Lowest level that is logged: ${LOG_LEVELS.join(', ')}`,
    type: 'string',
    choices: LOG_LEVELS,
    default: 'info',
  },
  notifyPrivate: {
    env: 'PIZZAPI_NOTIFY_PRIVATE',
    flag: '--notify-private',
    help: 'Allow webhooks and push services in private networks',
    type: 'boolean',
    default: false,
  },
  healthPort: {
    env: 'PIZZAPI_HEALTH_PORT',
    flag: '--health-port <number>',
    help: 'Port of 127.0.0.1 for /livez, /readyz and /metrics of a process, without credentials; 0 takes a free port',
    type: 'integer',
    max: 65_535,
  },
  accountStorage: {
    env: 'PIZZAPI_ACCOUNT_STORAGE',
    flag: '--account-storage <size>',
    help: 'Most bytes of files and logs of an account; 0 = no limit',
    type: 'bytes',
    default: 20 * GIB,
  },
  sessionStorage: {
    env: 'PIZZAPI_SESSION_STORAGE',
    flag: '--session-storage <size>',
    help: 'Most bytes of files and log of a session; 0 = no limit',
    type: 'bytes',
    default: 2 * GIB,
  },
  linkStorage: {
    env: 'PIZZAPI_LINK_STORAGE',
    flag: '--link-storage <size>',
    help: 'Most bytes of files stored through one share link; 0 = no limit',
    type: 'bytes',
    default: 200 * MIB,
  },
  accountRate: {
    env: 'PIZZAPI_ACCOUNT_RATE',
    flag: '--account-rate <number>',
    help: 'Most inputs and commands (and as many files) of an account in a minute; 0 = no limit',
    type: 'integer',
    default: 1_200,
  },
  linkRate: {
    env: 'PIZZAPI_LINK_RATE',
    flag: '--link-rate <number>',
    help: 'Most inputs and commands of a share link in a minute; 0 = no limit',
    type: 'integer',
    default: 60,
  },
  addressRate: {
    env: 'PIZZAPI_ADDRESS_RATE',
    flag: '--address-rate <number>',
    help: 'Most inputs and commands of a network address in a minute; 0 = no limit',
    type: 'integer',
    default: 2_400,
  },
  hostLostGraceMs: {
    env: 'PIZZAPI_HOST_LOST_GRACE_MS',
    flag: '--host-lost-grace-ms <ms>',
    help: 'Time in ms that a runner may be away before its sessions are ended',
    type: 'integer',
    default: 600_000,
  },
});
