import { defineOptions, OPTIONS } from '@pizzapi/process';

/** What `pizzapi local` takes. Everything it starts reads its own options from the same environment. */
export const LOCAL_OPTIONS = defineOptions({
  home: OPTIONS.home,
  port: OPTIONS.port,
  host: OPTIONS.host,
  publicUrl: OPTIONS.publicUrl,
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
    help: 'Print one line of JSON when all is ready: { url, loginUrl, natsUrl, home }',
    type: 'boolean',
    default: false,
  },
  logLevel: OPTIONS.logLevel,
});
