import { migratePartitions, type Backbone, type MigrationOutcome } from '@pizzapi/backbone';
import type { MIGRATE_OPTIONS, OptionValues } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { withStore, type StoreContext } from './withStore.js';

export type MigrationContext = StoreContext;

/**
 * Moves the log of a deployment, or of the local run of a home that is stopped, to another number of partitions. Throws
 * `services_running` while the local run or a projector of the deployment runs.
 */
export async function migrate(
  options: OptionValues<typeof MIGRATE_OPTIONS>,
  context: MigrationContext,
): Promise<MigrationOutcome> {
  const { partitions, natsUrl, adminNkey, home, keep } = options;
  if (partitions === undefined) throw new CodedError('bad_option', 'Name the number of partitions with --partitions');
  const move = (admin: Backbone) => moveLog(admin, { to: partitions, keep }, context);
  const store = { home, natsUrl, adminNkey, name: 'pizzapi-migrate' };
  return withStore({ ...store, whenRunning: 'refuse' }, context, move);
}

function moveLog(
  admin: Backbone,
  { to, keep }: { to: number; keep: boolean },
  { signal, progress }: MigrationContext,
): Promise<MigrationOutcome> {
  return migratePartitions(admin, {
    ...{ to, keep, signal },
    onProgress: ({ phase, done, of }) =>
      progress(`${phase === 'copy' ? 'copied' : 'compared'} ${done} of ${of} messages`),
  });
}

/** The lines that state the outcome, with the proof that both logs are equal. */
export function outcomeLines(outcome: MigrationOutcome): string[] {
  const { kind } = outcome;
  if (kind === 'unchanged') return [`The log has ${parts(outcome.partitions)} already.`];
  if (kind === 'cancelled') return [`The move was given up. The log has ${parts(outcome.partitions)}.`];
  const { from, to, before, after, foreign, kept } = outcome;
  const proof = ({ sessions, messages, digest }: typeof before): string =>
    `${sessions} sessions, ${messages} messages, SHA-256 ${digest}`;
  return [
    `Before: ${proof(before)}`,
    `After:  ${proof(after)}`,
    `The log has moved from ${parts(from)} to ${parts(to)}. Start the services with PIZZAPI_PARTITIONS=${to}.`,
    ...(foreign > 0 ? [`Left out: ${foreign} messages that belong to no session.`] : []),
    ...(kept.length > 0 ? [`Kept: ${kept.join(', ')}`] : []),
  ];
}

const parts = (count: number): string => `${count} ${count === 1 ? 'partition' : 'partitions'}`;
