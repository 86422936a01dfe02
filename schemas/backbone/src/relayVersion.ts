import {
  decode,
  isMap,
  numberAt,
  RUNNER_RIGHTS,
  stringAt,
  stringsAt,
  type RunnerRight,
  type SpokenVersion,
} from '@pizzapi/protocol';
import { ANSWER_MS, questionOf } from './askOnce.js';
import { internals, type Backbone } from './connection.js';
import { retryUntilDeadline } from './retryDelay.js';
import { requestRpc } from './rpc.js';

/**
 * What a relay says of itself to a runner. `at`: its clock, in ms. `allow`: the rights of the runner's token; missing: all.
 */
export type RelayInfo = SpokenVersion & { at?: number; allow?: RunnerRight[] };

/**
 * Asks the relay of a runner for its version, and what the token of the runner allows. Throws `unavailable` when no authenticator answers. A relay of an earlier
 * version does not know the question; it speaks wire 1.
 */
export function relayVersion(b: Backbone, rid: string): Promise<RelayInfo> {
  const { subject, body } = questionOf({ kind: 'runner', rid }, 'relay', {});
  return retryUntilDeadline(async (): Promise<RelayInfo | undefined> => {
    const outcome = await requestRpc(internals(b), subject, body, { timeoutMs: ANSWER_MS });
    const answer = outcome.kind === 'ok' ? decode(outcome.body) : undefined;
    if (!isMap(answer)) return undefined;
    if (answer['kind'] === 'refused') return answer['code'] === 'bad_request' ? { version: '', wire: 1 } : undefined;
    const given = stringsAt(answer, 'allow');
    const at = numberAt(answer, 'at');
    const allow = RUNNER_RIGHTS.filter((right) => given.includes(right));
    return {
      ...{ version: stringAt(answer, 'version') ?? '', wire: numberAt(answer, 'wire') ?? 1 },
      ...(at === undefined ? {} : { at }),
      ...(answer['allow'] === undefined ? {} : { allow }),
    };
  });
}
