import { LOG_LEVELS } from './logger.js';
import { defineOptions, secretVariables } from './options.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** The options that more than one process or command takes, and every secret. A process picks the ones it reads. */
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
    help: 'Address of the page, when it differs from host and port; a path below a host works too',
    type: 'page',
  },
  lan: {
    env: 'PIZZAPI_LAN',
    flag: '--lan',
    help: 'Listen on the local network too: at the private and Tailscale addresses of this machine, for a phone',
    type: 'boolean',
    default: false,
  },
  lanAddresses: {
    env: 'PIZZAPI_LAN_ADDRESSES',
    flag: '--lan-addresses <addresses>',
    help: 'Addresses of this machine for --lan, separated by commas, instead of all that are found',
    type: 'string',
  },
  tlsCert: {
    env: 'PIZZAPI_TLS_CERT',
    flag: '--tls-cert <file>',
    help: 'Certificate (PEM) for the addresses of --lan, which the gateway then serves with https',
    type: 'path',
  },
  tlsKey: {
    env: 'PIZZAPI_TLS_KEY',
    flag: '--tls-key <file>',
    help: 'Key (PEM) of that certificate',
    type: 'path',
  },
  pi: {
    env: 'PIZZAPI_PI',
    flag: '--pi <path>',
    help: 'The pi that sessions run on: its program or the folder of its package, or bundled (default: the one on PATH)',
    type: 'path',
    words: ['bundled'],
  },
  natsUrl: {
    env: 'PIZZAPI_NATS_URL',
    flag: '--nats-url <url>',
    help: 'Address of nats-server; separate several by commas',
    type: 'url',
    default: 'nats://127.0.0.1:4222',
  },
  ca: {
    env: 'PIZZAPI_CA',
    help: 'File (PEM) with certificate authorities that connections to the gateway, to nats-server and to the issuer of sign-ins trust besides those of Node',
    type: 'path',
  },
  natsNkey: {
    env: 'PIZZAPI_NATS_NKEY',
    help: 'Seed of the nkey of a service at nats-server (SU…)',
    type: 'string',
    secret: true,
  },
  adminNkey: {
    env: 'PIZZAPI_NATS_ADMIN_NKEY',
    help: 'Seed of the nkey of the provisioner, to delete logs (SU…)',
    type: 'string',
    secret: true,
  },
  issuerSeed: {
    env: 'PIZZAPI_AUTH_ISSUER',
    help: 'Seed of the account nkey that signs the logins of hosts (SA…)',
    type: 'string',
    secret: true,
  },
  natsUser: { env: 'PIZZAPI_NATS_USER', help: 'User name at nats-server', type: 'string' },
  natsPassword: { env: 'PIZZAPI_NATS_PASSWORD', help: 'Password at nats-server', type: 'string', secret: true },
  partitions: {
    env: 'PIZZAPI_PARTITIONS',
    flag: '--partitions <number>',
    help: 'Streams that hold the logs of all sessions; fixed for a deployment, `pizzapi migrate --partitions` changes it',
    type: 'integer',
    default: 1,
    min: 1,
    max: 64,
  },
  natsServer: { env: 'PIZZAPI_NATS_SERVER', help: 'Path of the nats-server program to run', type: 'path' },
  provisionOwner: {
    env: 'PIZZAPI_PROVISION_OWNER',
    flag: '--owner',
    help: 'Create the account of the owner too, so that the first person to sign up does not get it; `pizzapi link` signs it in',
    type: 'boolean',
    default: false,
  },
  replicas: {
    env: 'PIZZAPI_REPLICAS',
    flag: '--replicas <number>',
    help: 'Copies of every stream on as many servers of a cluster: 1, 3 or 5; without a value as it was before',
    type: 'integer',
    min: 1,
    max: 5,
  },
  runnerToken: {
    env: 'PIZZAPI_RUNNER_TOKEN',
    help: 'Runner token, with which a runner registers',
    type: 'token',
    secret: true,
  },
  apiKey: { env: 'PIZZAPI_API_KEY', help: 'Key for the HTTP API', type: 'token', secret: true },
  gatewaySecret: {
    env: 'PIZZAPI_GATEWAY_SECRET',
    help: 'Secret of all gateways of an installation (default: that of their home, made at the first start)',
    type: 'token',
    secret: true,
  },
  oidcClientSecret: {
    env: 'PIZZAPI_OIDC_CLIENT_SECRET',
    help: 'Secret of this gateway at the issuer; without it PKCE alone protects the sign-in',
    type: 'string',
    secret: true,
  },
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
    help: 'Port for /livez, /readyz and /metrics of a process, without credentials; 0 takes a free port',
    type: 'integer',
    max: 65_535,
  },
  healthHost: {
    env: 'PIZZAPI_HEALTH_HOST',
    flag: '--health-host <address>',
    help: 'Address that the health port listens on; 0.0.0.0 in a container, where only probes and Prometheus may reach it',
    type: 'string',
    default: '127.0.0.1',
  },
  accountStorage: {
    env: 'PIZZAPI_ACCOUNT_STORAGE',
    flag: '--account-storage <size>',
    help: 'Most bytes of files and logs of an account; 0 = no limit',
    type: 'bytes',
    default: 20 * GIB,
  },
  retentionDays: {
    env: 'PIZZAPI_RETENTION_DAYS',
    flag: '--retention-days <number>',
    help: 'Days after its end that a session is kept; 0 = for good. An admin can set other rules for an account',
    type: 'integer',
    default: 0,
  },
  retentionSize: {
    env: 'PIZZAPI_RETENTION_SIZE',
    flag: '--retention-size <size>',
    help: 'Bytes of logs and files of an account above which its oldest ended sessions are erased; 0 = no limit',
    type: 'bytes',
    default: 0,
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

/**
 * The variables with which our processes sign in, and those that name the files of secrets. No program of an agent
 * inherits one.
 */
export const OWN_SECRETS: readonly string[] = [...secretVariables(OPTIONS), OPTIONS.natsUser.env];

/** The variables with which a process signs in at a collector of traces. A worker reads them, and no program of an agent may. */
export const EXPORTER_SECRETS: readonly string[] = ['', 'TRACES_', 'METRICS_', 'LOGS_'].map(
  (signal) => `OTEL_EXPORTER_OTLP_${signal}HEADERS`,
);
