import type { DeliverAs } from '@pizzapi/protocol';
import type { SendOutcome, Session } from '@pizzapi/session-client';
import type { Screen } from './screen.js';

/** How long a message waits for its host to come back, and how often that is looked at, in ms. */
const HOST_MS = 30_000;
const HOST_LOOK_MS = 1_000;

/**
 * Sends an input. A gateway that has just started may not know yet that the host is connected: what it refuses with
 * `host_lost` is sent again for a while.
 */
export async function sendToHost(
  session: Session,
  screen: Screen,
  text: string,
  deliverAs: DeliverAs,
): Promise<SendOutcome> {
  const until = performance.now() + HOST_MS;
  for (;;) {
    const outcome = await session.sendInput(text, { deliverAs });
    const isAway = outcome.kind === 'refused' && outcome.error.code === 'host_lost';
    if (!isAway || performance.now() > until || screen.ended) return outcome;
    await new Promise((resolve) => setTimeout(resolve, HOST_LOOK_MS).unref());
  }
}
