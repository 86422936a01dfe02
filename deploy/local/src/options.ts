import { STORAGE_OPTIONS } from '@pizzapi/backbone';
import { defineOptions, OPTIONS } from '@pizzapi/process';

/** The options that `pizzapi local` reads itself. It also takes those of the processes that it starts: `passedOptions.ts`. */
export const LOCAL_OPTIONS = defineOptions({
  home: OPTIONS.home,
  port: OPTIONS.port,
  host: OPTIONS.host,
  publicUrl: OPTIONS.publicUrl,
  lan: OPTIONS.lan,
  lanAddresses: OPTIONS.lanAddresses,
  tlsCert: OPTIONS.tlsCert,
  tlsKey: OPTIONS.tlsKey,
  natsPort: {
    env: 'PIZZAPI_NATS_PORT',
    flag: '--nats-port <number>',
    help: 'Port of nats-server; 0 takes a free one and keeps it for this home',
    type: 'integer',
    default: 0,
    max: 65_535,
  },
  open: {
    env: 'PIZZAPI_OPEN',
    flag: '--no-open',
    help: 'Do not open the page in a browser',
    type: 'boolean',
    default: true,
  },
  json: {
    env: 'PIZZAPI_JSON',
    flag: '--json',
    help: 'Print one line of JSON when all is ready: { url, loginUrl, natsUrl, home, phone?, pi? }',
    type: 'boolean',
    default: false,
  },
  partitions: OPTIONS.partitions,
  accountStorage: OPTIONS.accountStorage,
  sessionStorage: OPTIONS.sessionStorage,
  linkStorage: OPTIONS.linkStorage,
  ...STORAGE_OPTIONS,
  logLevel: OPTIONS.logLevel,
});
