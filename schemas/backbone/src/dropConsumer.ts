import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { BackboneConnection } from './connection.js';

/** Deletes a consumer; resolves as well when there is none of this name. */
export async function dropConsumer({ jsm }: BackboneConnection, stream: string, name: string): Promise<void> {
  await jsm.consumers.delete(stream, name).catch((error: unknown) => {
    const gone = error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound;
    if (!gone) throw error;
  });
}
