import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream';
import { CodedError, MAX_PARTITIONS } from '@pizzapi/protocol';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { bucket } from './kv.js';
import { createCopyTargets, openCopyTargets } from './copyTargets.js';
import { LogCopy, mergedMessages, sidOf, type SealedStream } from './logCopy.js';
import { LogProof, type LogSummary } from './logProof.js';
import { MovedDurable } from './movedDurable.js';
import { DEPLOYMENT, readPartitions, writePartitions, type PartitionsRow, type ProvenMove } from './partitions.js';
import { refreshIdentity } from './provision.js';
import { provisionStream } from './provisionStream.js';
import { infoOf } from './streamInfo.js';
import { bucketSpec, LEASES, sessionSpec, sessionStreams } from './streams.js';

/** A message of this size or less has no event in it: a stream with this limit stores no event. */
const SEALED_SIZE = 1;
/** Messages between two reports of progress. */
const PROGRESS_MESSAGES = 5_000;

export interface MigrateOptions {
  /** How many partitions the log is to have. */
  to: number;
  /** The old streams stay. They store nothing more. */
  keep?: boolean;
  onProgress?: (progress: MigrationProgress) => void;
  signal?: AbortSignal;
}

export interface MigrationProgress {
  phase: 'copy' | 'prove';
  done: number;
  of: number;
}

export type MigrationOutcome =
  | { kind: 'unchanged'; partitions: number }
  /** The move that was begun is given up: the old streams take events again. */
  | { kind: 'cancelled'; partitions: number }
  | {
      kind: 'moved';
      from: number;
      to: number;
      before: LogSummary;
      after: LogSummary;
      /** Messages on no session's subject, which are left out. */
      foreign: number;
      kept: string[];
    };

/**
 * Moves the log to another number of partitions: copies every message in the order of its session into new streams, reads
 * both logs again and compares them, switches, and deletes the old streams. Needs the provisioner's login; the services are
 * stopped, and refuse to start until it has ended. After an interruption the same call continues; a call with the old
 * number gives the move up, as long as the logs were not compared.
 *
 * Every offset changes, and with it the identity of the log. New offsets are higher than all old ones. The server's time of
 * a message is that of the copy.
 */
export async function migratePartitions(b: Backbone, options: MigrateOptions): Promise<MigrationOutcome> {
  const { to } = options;
  if (!Number.isInteger(to) || to < 1 || to > MAX_PARTITIONS)
    throw new CodedError('bad_option', `A log has 1 to ${MAX_PARTITIONS} partitions`);
  const connection = internals(b);
  await provisionStream(connection.forBucket(DEPLOYMENT), bucketSpec(DEPLOYMENT));
  const row = (await readPartitions(b)) ?? { partitions: 1 };
  const { partitions: from, movingTo } = row;
  if (movingTo !== undefined && movingTo !== to && from !== to)
    throw new CodedError('partitions_moving', `A move from ${from} to ${movingTo} partitions was begun`);
  if (movingTo === undefined && from === to) return { kind: 'unchanged', partitions: to };
  await refuseWhileProjected(b);
  if (from === to && movingTo !== undefined) return cancel(b, row, movingTo);
  const streams = await existing(connection, sessionStreams(from));
  if (streams.length < from && row.proven === undefined)
    throw new CodedError('not_provisioned', 'The log has no streams yet');
  if (movingTo === undefined) {
    // What an earlier move has kept is no part of this copy.
    await deleteStreams(connection, sessionStreams(to));
    await writePartitions(b, { partitions: from, movingTo: to });
  }
  return new Migration(b, from, options, row).run();
}

/** A running projector would write rows of offsets that are about to change. */
async function refuseWhileProjected(b: Backbone): Promise<void> {
  const held = (await bucket(b, LEASES).keys()).filter((key) => key === 'projector' || key.startsWith('projector.'));
  if (held.length > 0) throw new CodedError('services_running', 'A projector of this deployment runs');
}

async function cancel(b: Backbone, row: PartitionsRow, movingTo: number): Promise<MigrationOutcome> {
  const connection = internals(b);
  if (row.proven !== undefined)
    throw new CodedError('partitions_moving', `The log has moved to ${movingTo} partitions; finish the move first`);
  await deleteStreams(connection, sessionStreams(movingTo));
  for (const [partition, name] of sessionStreams(row.partitions).entries()) {
    const { max_msg_size } = sessionSpec(row.partitions, partition);
    await connection.jsm.streams.update(name, { max_msg_size: max_msg_size ?? -1 });
  }
  await writePartitions(b, { partitions: row.partitions });
  return { kind: 'cancelled', partitions: row.partitions };
}

async function deleteStreams(connection: BackboneConnection, names: readonly string[]): Promise<void> {
  for (const name of names)
    if ((await infoOf(connection, name)) !== undefined) await connection.jsm.streams.delete(name);
}

/** One move, from where an earlier run has stopped. */
class Migration {
  private readonly connection: BackboneConnection;
  private readonly to: number;
  private readonly before = new LogProof();
  private foreign = 0;

  constructor(
    private readonly b: Backbone,
    private readonly from: number,
    private readonly options: MigrateOptions,
    private readonly row: PartitionsRow,
  ) {
    this.connection = internals(b);
    this.to = options.to;
  }

  async run(): Promise<MigrationOutcome> {
    const { from, to } = this;
    const proven = this.row.proven ?? (await this.copyAndProve());
    await this.switchOver(proven);
    const kept = (await existing(this.connection, sessionStreams(from))).map(({ config }) => config.name);
    const { before, after, foreign } = proven;
    return { kind: 'moved', from, to, before, after, foreign, kept };
  }

  private async copyAndProve(): Promise<ProvenMove> {
    const sources = await this.seal();
    const targets = await this.targets(sources);
    await this.copy(sources, targets);
    const after = await this.prove(sources);
    const { config } = sources[0]!;
    const sum = sources.reduce((bytes, source) => bytes + Math.max(0, source.config.max_bytes), 0);
    const limits = { max_age: config.max_age, max_bytes: sum === 0 ? -1 : sum, discard: config.discard };
    const proven = { before: this.before.summary, after: after.summary, foreign: this.foreign, limits };
    await writePartitions(this.b, { partitions: this.from, movingTo: this.to, proven });
    return proven;
  }

  /** From here on the old streams refuse every event. Hosts that still run spool theirs. */
  private async seal(): Promise<StreamInfo[]> {
    const { connection } = this;
    for (const name of sessionStreams(this.from))
      await connection.jsm.streams.update(name, { max_msg_size: SEALED_SIZE });
    return existing(connection, sessionStreams(this.from));
  }

  private async targets(sources: readonly StreamInfo[]): Promise<StreamInfo[]> {
    const { connection, to } = this;
    const first_seq = 1 + Math.max(...sources.map(({ state }) => state.last_seq));
    const { num_replicas } = sources[0]!.config;
    await createCopyTargets(connection, to, { first_seq, num_replicas });
    return existing(connection, sessionStreams(to));
  }

  private async copy(sources: readonly StreamInfo[], targets: readonly StreamInfo[]): Promise<void> {
    const { connection, to, options } = this;
    const positions = targets.map(({ config, state }) => ({
      lastSeq: state.last_seq,
      copied: state.last_seq + 1 - (config.first_seq ?? 1),
    }));
    const copy = new LogCopy(connection, to, positions);
    const durables = await durablesOf(connection, sources, targets.length);
    const streams = sources.map(sealed);
    const of = total(streams);
    let done = 0;
    // What every reader has read comes first: then a reader reads little or nothing again.
    const rank = (source: number, seq: number): number =>
      durables.filter((durable) => !durable.hasRead(source, seq)).length;
    const { signal } = options;
    for await (const { source, message } of mergedMessages(connection, streams, { signal, rank })) {
      if (++done % PROGRESS_MESSAGES === 0) options.onProgress?.({ phase: 'copy', done, of });
      const sid = sidOf(message);
      if (sid === undefined) {
        this.foreign++;
        continue;
      }
      this.before.add(message);
      const place = await copy.add(message, sid);
      for (const durable of durables) durable.pass(source, message.seq, place);
    }
    options.signal?.throwIfAborted();
    await copy.flush();
    options.onProgress?.({ phase: 'copy', done, of });
    if (done !== of) throw new CodedError('unavailable', `${done} of ${of} messages of the log could be read`);
    for (const durable of durables) await durable.open(connection, sessionStreams(to), copy.ends);
  }

  /** Reads the copy, and compares it with what was read before. */
  private async prove(sources: readonly StreamInfo[]): Promise<LogProof> {
    const { connection, from, to, options } = this;
    const after = new LogProof();
    const streams = (await existing(connection, sessionStreams(to))).map(sealed);
    const of = total(streams);
    let done = 0;
    for await (const { message } of mergedMessages(connection, streams, { signal: options.signal })) {
      after.add(message);
      if (++done % PROGRESS_MESSAGES === 0) options.onProgress?.({ phase: 'prove', done, of });
    }
    options.signal?.throwIfAborted();
    options.onProgress?.({ phase: 'prove', done, of });
    const different = this.before.differsAt(after);
    if (different !== undefined) throw new CodedError('internal', `The copy of ${different} differs from the log`);
    const now = await existing(connection, sessionStreams(from));
    if (!now.every(({ state }, index) => state.last_seq === sources[index]?.state.last_seq))
      throw new CodedError('unavailable', 'The log has changed meanwhile; run the command again');
    return after;
  }

  /** May be done again. */
  private async switchOver({ limits }: ProvenMove): Promise<void> {
    const { b, connection, from, to, options } = this;
    const { streams } = connection.jsm;
    await openCopyTargets(connection, to);
    if (options.keep !== true) await deleteStreams(connection, sessionStreams(from));
    const share = Math.ceil(limits.max_bytes / to);
    for (const { config, state } of await existing(connection, sessionStreams(to))) {
      // A partition that holds more than its share already keeps what it has.
      const max_bytes = limits.max_bytes < 0 ? -1 : Math.max(share, state.bytes);
      await streams.update(config.name, { ...limits, max_bytes });
    }
    await writePartitions(b, { partitions: to });
    connection.partitions = to;
    await refreshIdentity(b);
  }
}

const sealed = ({ config, state }: StreamInfo): SealedStream => ({ name: config.name, messages: state.messages });
const total = (streams: readonly SealedStream[]): number => streams.reduce((sum, { messages }) => sum + messages, 0);

async function existing(connection: BackboneConnection, names: readonly string[]): Promise<StreamInfo[]> {
  const infos = await Promise.all(names.map((name) => infoOf(connection, name)));
  return infos.filter((info) => info !== undefined);
}

async function durablesOf(
  connection: BackboneConnection,
  sources: readonly StreamInfo[],
  partitions: number,
): Promise<MovedDurable[]> {
  const floors = new Map<string, number[]>();
  for (const [source, { config }] of sources.entries()) {
    for await (const { name, config: consumer, ack_floor } of consumersOf(connection, config.name)) {
      if (consumer.durable_name === undefined) continue;
      const known = floors.get(name) ?? sources.map(() => Infinity);
      known[source] = ack_floor.stream_seq;
      floors.set(name, known);
    }
  }
  return [...floors].map(([name, each]) => new MovedDurable(name, each, partitions));
}

async function* consumersOf({ jsm }: BackboneConnection, stream: string): AsyncGenerator<ConsumerInfo> {
  for await (const info of jsm.consumers.list(stream)) yield info;
}
