import { decode, isMap, numberAt, stringAt, type SpokenVersion } from '@pizzapi/protocol';
import { ANSWER_MS, questionOf } from './askOnce.js';
import { internals, type Backbone } from './connection.js';
import { retryUntilDeadline } from './retryDelay.js';
import { requestRpc } from './rpc.js';

/**
 * Asks the relay of a runner for its version. Throws `unavailable` when no authenticator answers. A relay of an earlier
 * version does not know the question; it speaks wire 1.
 */
export function relayVersion(b: Backbone, rid: string): Promise<SpokenVersion> {
  const { subject, body } = questionOf({ kind: 'runner', rid }, 'relay', {});
  return retryUntilDeadline(async () => {
    const outcome = await requestRpc(internals(b), subject, body, { timeoutMs: ANSWER_MS });
    const answer = outcome.kind === 'ok' ? decode(outcome.body) : undefined;
    if (!isMap(answer)) return undefined;
    if (answer['kind'] === 'refused') return answer['code'] === 'bad_request' ? { version: '', wire: 1 } : undefined;
    return { version: stringAt(answer, 'version') ?? '', wire: numberAt(answer, 'wire') ?? 1 };
  });
}
