import { connectBackbone, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import { CodedError, splitAddresses } from '@pizzapi/protocol';
import type { Assignment } from '../ipc/messages.js';

/** How long the first connection may take, in ms: the grant was given a moment ago, so that nats-server is there. */
const CONNECT_MS = 15_000;

/**
 * The worker's connection, which may write to its session and to nothing else. `grant` is asked for at every connect.
 * Throws `unavailable`.
 */
export async function connectSession(
  natsUrl: string,
  { sid }: Pick<Assignment, 'sid'>,
  grant: () => string,
  log: Logger,
): Promise<Backbone> {
  try {
    return await connectBackbone({
      url: splitAddresses(natsUrl),
      name: `pizzapi session ${sid}`,
      host: { kind: 'session', sid },
      password: grant,
      log,
      signal: AbortSignal.timeout(CONNECT_MS),
    });
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    // The daemon asks for another grant and tries again.
    throw new CodedError('unavailable', `The worker of ${sid} has no connection (${cause.code})`, { cause });
  }
}
