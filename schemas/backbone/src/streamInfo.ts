import { JetStreamApiError, type StreamInfo } from '@nats-io/jetstream';
import { CodedError } from '@pizzapi/protocol';
import type { BackboneConnection } from './connection.js';
import { RetryDelay } from './retryDelay.js';

/** The server's code for "there is no such stream". */
export const NO_SUCH_STREAM = 10059;
/** Attempts against a server that is still starting or electing before its error is thrown. */
const ATTEMPTS = 10;

/** The settings and state of a stream, or undefined when it does not exist. Throws `unavailable` after some attempts. */
export async function infoOf(connection: BackboneConnection, stream: string): Promise<StreamInfo | undefined> {
  const retry = new RetryDelay();
  for (let attempt = 1; ; attempt++) {
    try {
      return await connection.whileConnected(connection.jsm.streams.info(stream));
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_SUCH_STREAM) return undefined;
      if (attempt >= ATTEMPTS)
        throw new CodedError('unavailable', `Could not read the stream ${stream}`, { cause: error });
      await connection.connected();
      await retry.wait();
    }
  }
}
