import { errorInfo, type ErrorInfo, type KeyKind, type PairReply } from '@pizzapi/protocol';
import type { Api } from '@pizzapi/session-client';

export type PairingOutcome =
  | { kind: 'approved'; token: string; natsUrl: string | undefined }
  | { kind: 'denied' }
  | { kind: 'expired' }
  /** The person here has changed their mind. */
  | { kind: 'stopped' }
  | { kind: 'failed'; error: ErrorInfo };

export interface PairingHooks {
  /** Told once, what the person has to see. */
  asked(reply: PairReply): void;
  /** Told before each poll, how many there were. */
  waiting(polls: number): void;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  signal: AbortSignal;
}

/** How often is asked at the most and at the least, in ms, whatever the gateway would like. */
const POLL_MS = { min: 500, max: 30_000 };
/** Polls without any other bound: at the usual 2 s this is longer than a code lives. */
const MAX_POLLS = 1_200;

/**
 * Asks a signed-in person for a key and waits for the answer. A gateway that is away for a while, or that wants to be
 * asked less often, only makes it longer.
 */
export async function pair(
  api: Pick<Api, 'askPair' | 'pollPair'>,
  ask: { kind: KeyKind; name: string },
  hooks: PairingHooks,
): Promise<PairingOutcome> {
  const { signal } = hooks;
  const reply = await api.askPair(ask);
  if (reply.kind === 'failed') return reply;
  const { secret, intervalMs } = reply.value;
  hooks.asked(reply.value);
  const stopped = aborted(signal);
  let pause = intervalMs;
  for (let polls = 0; polls < MAX_POLLS; polls++) {
    hooks.waiting(polls);
    await hooks.sleep(Math.min(POLL_MS.max, Math.max(POLL_MS.min, pause)), signal);
    if (signal.aborted) return { kind: 'stopped' };
    const answer = await Promise.race([api.pollPair(secret), stopped]);
    if (answer === 'aborted') return { kind: 'stopped' };
    pause = (answer.kind === 'failed' ? answer.retryAfterMs : undefined) ?? intervalMs;
    if (answer.kind === 'ok') {
      const { status, token, natsUrl, natsUrls } = answer.value;
      if (status === 'denied') return { kind: 'denied' };
      if (status === 'approved' && token !== undefined)
        return { kind: 'approved', token, natsUrl: natsUrls?.join(',') ?? natsUrl };
      if (status === 'approved')
        return {
          kind: 'failed',
          error: errorInfo('pair_not_found', 'The key was already fetched; it is shown only once.'),
        };
    } else if (answer.error.code === 'pair_not_found') {
      return { kind: 'expired' };
    } else if (!passes(answer.status)) {
      return { kind: 'failed', error: answer.error };
    }
  }
  return { kind: 'expired' };
}

/** Whether an answer says nothing of the pairing: out of reach, busy, restarting. */
function passes(status: number): boolean {
  return status === 0 || status === 429 || status >= 500;
}

function aborted(signal: AbortSignal): Promise<'aborted'> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve('aborted'), { once: true }));
}
