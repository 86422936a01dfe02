import type { StreamConfig } from '@nats-io/jetstream';
import type { BackboneConnection } from './connection.js';
import { infoOf } from './streamInfo.js';
import { partitionInput, sessionSpec, sessionStreams } from './streams.js';

/** How long the server remembers the message ids of copies: an id may come again after a time that the copy is shorter than. */
export const COPY_WINDOW_MS = 100;
/** What removes the field of a stream: the client sends what is there for what is left out. */
const NO_TRANSFORM = { subject_transform: undefined } as unknown as Partial<StreamConfig>;

/** Creates the streams of a log that is copied. They take copies only, drop nothing, and send nothing to viewers. */
export async function createCopyTargets(
  connection: BackboneConnection,
  partitions: number,
  settings: { first_seq: number; num_replicas?: number },
): Promise<void> {
  for (const [partition, name] of sessionStreams(partitions).entries()) {
    if ((await infoOf(connection, name)) !== undefined) continue;
    const { republish: _later, ...spec } = sessionSpec(partitions, partition);
    await connection.jsm.streams.add({
      ...{ ...spec, ...partitionInput(partitions, partition), ...settings },
      ...{ discard: 'new', duplicate_window: COPY_WINDOW_MS * 1e6 },
    });
  }
}

/** Has the streams take events from hosts, as the log of an installation does. May be done again. */
export async function openCopyTargets({ jsm }: BackboneConnection, partitions: number): Promise<void> {
  for (const [partition, name] of sessionStreams(partitions).entries())
    await jsm.streams.update(name, {
      ...sessionSpec(partitions, partition),
      ...(partitions === 1 ? NO_TRANSFORM : {}),
    });
}
