import { authorizationConfig } from '@pizzapi/authenticator';
import { connectBackbone, migratePartitions, type Backbone, type MigrationOutcome } from '@pizzapi/backbone';
import { launchNatsServer, processContext, requireNatsServer } from '@pizzapi/nats-server';
import { homeLayout, type Logger, type MIGRATE_OPTIONS, type OptionValues } from '@pizzapi/process';
import { CodedError, splitAddresses } from '@pizzapi/protocol';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openHome, readNatsAccess, runningLocal } from './home.js';

export interface MigrationContext {
  log: Logger;
  signal: AbortSignal;
  /** Called with one line for each step, to show to the user. */
  progress: (text: string) => void;
}

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
  if (natsUrl === undefined) return atHome(home, context, move);
  if (adminNkey === undefined) throw new CodedError('bad_option', 'Set PIZZAPI_NATS_ADMIN_NKEY for --nats-url');
  return asProvisioner(splitAddresses(natsUrl), adminNkey, context, move);
}

/** Starts the nats-server of a stopped home for the time of the move. */
async function atHome<T>(root: string, context: MigrationContext, work: (admin: Backbone) => Promise<T>): Promise<T> {
  if (!existsSync(homeLayout(root).natsAccessFile))
    throw new CodedError('not_provisioned', `${root} is not the home of a local run`);
  const home = await openHome(root);
  if ((await runningLocal(home)) !== undefined) throw new CodedError('services_running', `PizzaPi runs in ${root}`);
  const { binary } = await requireNatsServer(processContext(context.progress));
  const { users } = await readNatsAccess(home);
  const server = await launchNatsServer({
    ...{ binary, storeDir: home.nats, config: authorizationConfig(users), syncInterval: 'always' },
    log: join(home.logs, 'nats-server.log'),
  });
  try {
    return await asProvisioner([server.url], users.admin.nkeySeed, context, work);
  } finally {
    await server.stop();
  }
}

async function asProvisioner<T>(
  url: string[],
  nkey: string,
  { log, signal }: MigrationContext,
  work: (admin: Backbone) => Promise<T>,
): Promise<T> {
  const admin = await connectBackbone({ url, nkey, provisioner: true, name: 'pizzapi-migrate', log, signal });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
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
