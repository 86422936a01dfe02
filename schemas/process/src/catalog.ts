import { LOG_LEVELS } from './logger.js';
import { defineOptions } from './options.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** The options that more than one process or command takes. A process picks the ones it reads. */
export const OPTIONS = defineOptions({
  home: {
    env: 'PIZZAPI_HOME',
    flag: '--home <folder>',
    help: 'Folder that holds all state of a local run',
    type: 'path',
    default: '~/.pizzapi',
  },
  port: {
    env: 'PIZZAPI_PORT',
    flag: '--port <number>',
    help: 'Port of the gateway; 0 takes a free one',
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
    help: 'Address people open, when it differs from host and port',
    type: 'url',
  },
  natsUrl: {
    env: 'PIZZAPI_NATS_URL',
    flag: '--nats-url <url>',
    help: 'Address of nats-server; several with commas',
    type: 'url',
    default: 'nats://127.0.0.1:4222',
  },
  natsNkey: { env: 'PIZZAPI_NATS_NKEY', help: 'Seed of the nkey of a service at nats-server (SU…)', type: 'string' },
  natsUser: { env: 'PIZZAPI_NATS_USER', help: 'User name at nats-server', type: 'string' },
  natsPassword: { env: 'PIZZAPI_NATS_PASSWORD', help: 'Password at nats-server', type: 'string' },
  natsServer: { env: 'PIZZAPI_NATS_SERVER', help: 'Path of the nats-server program to run', type: 'path' },
  runnerToken: { env: 'PIZZAPI_RUNNER_TOKEN', help: 'Token that lets a runner register', type: 'string' },
  apiKey: { env: 'PIZZAPI_API_KEY', help: 'Key for the HTTP API', type: 'string' },
  relayUrl: {
    env: 'PIZZAPI_RELAY_URL',
    flag: '--relay-url <url>',
    help: 'Address of the gateway that commands talk to',
    type: 'url',
    default: 'http://127.0.0.1:7492',
  },
  logLevel: {
    env: 'PIZZAPI_LOG_LEVEL',
    flag: '--log-level <level>',
    help: `How much is logged: ${LOG_LEVELS.join(', ')}`,
    type: 'string',
    choices: LOG_LEVELS,
    default: 'info',
  },
  notifyPrivate: {
    env: 'PIZZAPI_NOTIFY_PRIVATE',
    flag: '--notify-private',
    help: 'Let notifications be sent to addresses of private networks too: webhooks, push services',
    type: 'boolean',
    default: false,
  },
  healthPort: {
    env: 'PIZZAPI_HEALTH_PORT',
    flag: '--health-port <number>',
    help: 'Port of 127.0.0.1 for /livez, /readyz and /metrics of a process, without credentials; 0 takes a free one',
    type: 'integer',
    max: 65_535,
  },
  accountStorage: {
    env: 'PIZZAPI_ACCOUNT_STORAGE',
    flag: '--account-storage <size>',
    help: 'Files and logs that an account may store; 0 = without limit',
    type: 'bytes',
    default: 20 * GIB,
  },
  sessionStorage: {
    env: 'PIZZAPI_SESSION_STORAGE',
    flag: '--session-storage <size>',
    help: 'Files and log that a session may store; 0 = without limit',
    type: 'bytes',
    default: 2 * GIB,
  },
  linkStorage: {
    env: 'PIZZAPI_LINK_STORAGE',
    flag: '--link-storage <size>',
    help: 'Files that may be stored by one share link; 0 = without limit',
    type: 'bytes',
    default: 200 * MIB,
  },
  accountRate: {
    env: 'PIZZAPI_ACCOUNT_RATE',
    flag: '--account-rate <number>',
    help: 'Messages and commands, and as many files, that an account may send in a minute; 0 = any number',
    type: 'integer',
    default: 1_200,
  },
  linkRate: {
    env: 'PIZZAPI_LINK_RATE',
    flag: '--link-rate <number>',
    help: 'The same of a share link',
    type: 'integer',
    default: 60,
  },
  addressRate: {
    env: 'PIZZAPI_ADDRESS_RATE',
    flag: '--address-rate <number>',
    help: 'The same of an address of the network',
    type: 'integer',
    default: 2_400,
  },
  hostLostGraceMs: {
    env: 'PIZZAPI_HOST_LOST_GRACE_MS',
    flag: '--host-lost-grace-ms <ms>',
    help: 'How long the host of a session may be gone before the session is ended',
    type: 'integer',
    default: 600_000,
  },
});
