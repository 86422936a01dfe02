import { isIP } from 'node:net';
import { defineOptions, OPTIONS } from '@pizzapi/process';
import { CodedError, SIGNUP_MODES } from '@pizzapi/protocol';
import { ISSUER_OPTIONS } from './issuer/options.js';

const { lan, lanAddresses, tlsCert, tlsKey } = OPTIONS;
const { home, gatewaySecret, port, host, publicUrl, healthPort, healthHost, notifyPrivate, logLevel } = OPTIONS;
const { natsUrl, natsUser, natsPassword, natsNkey } = OPTIONS;

/** The options of the process. */
export const GATEWAY_OPTIONS = defineOptions({
  home,
  gatewaySecret,
  port,
  host,
  publicUrl,
  lan,
  lanAddresses,
  tlsCert,
  tlsKey,
  healthPort,
  healthHost,
  natsUrl,
  natsUser,
  natsPassword,
  natsNkey,
  notifyPrivate,
  ca: OPTIONS.ca,
  logLevel,
  partitions: OPTIONS.partitions,
  accountStorage: OPTIONS.accountStorage,
  sessionStorage: OPTIONS.sessionStorage,
  linkStorage: OPTIONS.linkStorage,
  retentionDays: OPTIONS.retentionDays,
  accountRate: OPTIONS.accountRate,
  linkRate: OPTIONS.linkRate,
  addressRate: OPTIONS.addressRate,
  signup: {
    env: 'PIZZAPI_SIGNUP',
    flag: '--signup <mode>',
    help: 'Who can sign up: first (one account, which becomes the admin), open (anyone), closed (no one)',
    type: 'string',
    choices: SIGNUP_MODES,
    default: 'first',
  },
  ...ISSUER_OPTIONS,
  trustedProxies: {
    env: 'PIZZAPI_TRUSTED_PROXIES',
    flag: '--trusted-proxies <addresses>',
    help: 'Addresses or networks (10.0.0.0/8), separated by commas, of proxies whose X-Forwarded-For is trusted',
    type: 'string',
  },
  natsPublicUrl: {
    env: 'PIZZAPI_NATS_PUBLIC_URL',
    flag: '--nats-public-url <url>',
    help: 'Address of nats-server for runners on other machines; separate several by commas (default: /nats below the address of the page)',
    type: 'url',
  },
  natsWebSocketUrl: {
    env: 'PIZZAPI_NATS_WEBSOCKET_URL',
    flag: '--nats-websocket-url <url>',
    help: 'Where nats-server listens for WebSockets, such as ws://127.0.0.1:8443; the gateway passes /nats on to it',
    type: 'url',
  },
  dashboard: {
    env: 'PIZZAPI_DASHBOARD',
    flag: '--dashboard <folder>',
    help: 'Folder of the built dashboard; without it the gateway serves only the API',
    type: 'path',
  },
  install: {
    env: 'PIZZAPI_INSTALL',
    flag: '--install <folder>',
    help: 'Folder of the package that hosts install, and of its script; `npm run pack` makes it',
    type: 'path',
  },
  accessLog: {
    env: 'PIZZAPI_ACCESS_LOG',
    flag: '--access-log',
    help: 'Log each answer of the HTTP API: method, path without its query, status, time, account',
    type: 'boolean',
    default: false,
  },
  spawnWaitMs: {
    env: 'PIZZAPI_SPAWN_WAIT_MS',
    flag: '--spawn-wait-ms <ms>',
    help: 'Time in ms to wait for a runner to start a session before the answer is 202',
    type: 'integer',
    default: 10_000,
  },
  drainJitterMs: {
    env: 'PIZZAPI_DRAIN_JITTER_MS',
    flag: '--drain-jitter-ms <ms>',
    help: 'Time in ms over which viewers reconnect when the gateway shuts down',
    type: 'integer',
    default: 1_000,
  },
});

/** The proxies of `--trusted-proxies`. Throws `bad_option` for what is neither an address nor a network. */
export function readProxies(text: string | undefined): string[] {
  const proxies = (text ?? '').split(',').map((one) => one.trim());
  return proxies.filter((one) => one !== '').map(checkedProxy);
}

function checkedProxy(text: string): string {
  const [address = '', bits, ...rest] = text.split('/');
  const most = { 4: 32, 6: 128 }[isIP(address)];
  const isNetwork = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (most ?? 0));
  if (most !== undefined && isNetwork && rest.length === 0) return text;
  throw new CodedError('bad_option', `PIZZAPI_TRUSTED_PROXIES names "${text}", but takes addresses such as 10.0.0.0/8`);
}
