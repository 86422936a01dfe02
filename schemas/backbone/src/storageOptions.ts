import { defineOptions, type OptionValues } from '@pizzapi/process';
import { LOG_FULL_POLICIES, type ProvisionOptions } from './streams.js';

/** The options that limit the size of the streams. */
export const STORAGE_OPTIONS = defineOptions({
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
});

/** Returns the size limits of the streams. A limit without an option stays unchanged. */
export function storageLimitsOf(options: OptionValues<typeof STORAGE_OPTIONS>): ProvisionOptions {
  // nats-server reads -1 as "no limit".
  const bytes = (chosen: number | undefined): number | undefined => (chosen === 0 ? -1 : chosen);
  return {
    maxBytes: bytes(options.logStorage),
    whenFull: options.logWhenFull,
    blobBytes: bytes(options.fileStorage),
    commandBytes: bytes(options.commandStorage),
    auditBytes: bytes(options.auditStorage),
    stateBytes: bytes(options.stateStorage),
  };
}
