import { LOG_FULL_POLICIES } from '@pizzapi/backbone';
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
  logStorage: {
    env: 'PIZZAPI_LOG_STORAGE',
    flag: '--log-storage <size>',
    help: 'What the logs of all sessions may store; 0 = without limit, without a value as it was before',
    type: 'bytes',
  },
  logWhenFull: {
    env: 'PIZZAPI_LOG_WHEN_FULL',
    flag: '--log-when-full <what>',
    help: 'What a full log does with new events: refuse (they wait on their hosts) or drop_oldest (for those of anybody)',
    type: 'string',
    choices: LOG_FULL_POLICIES,
    default: 'refuse',
  },
  fileStorage: {
    env: 'PIZZAPI_FILE_STORAGE',
    flag: '--file-storage <size>',
    help: 'What the files of all sessions may store; the same',
    type: 'bytes',
  },
  commandStorage: {
    env: 'PIZZAPI_COMMAND_STORAGE',
    flag: '--command-storage <size>',
    help: 'What the commands of a day may store; the same',
    type: 'bytes',
  },
  auditStorage: {
    env: 'PIZZAPI_AUDIT_STORAGE',
    flag: '--audit-storage <size>',
    help: 'What the audit trail may store, of which the oldest rows go first; the same',
    type: 'bytes',
  },
  stateStorage: {
    env: 'PIZZAPI_STATE_STORAGE',
    flag: '--state-storage <size>',
    help: 'What each bucket of accounts, keys, links and projections may store; the same',
    type: 'bytes',
  },
  logLevel: OPTIONS.logLevel,
});
