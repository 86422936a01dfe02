import { readSessionRow, headOf, replay, requestRpc, tail, type Backbone } from '@pizzapi/backbone';
import { subjects } from '@pizzapi/protocol';
import { offsetFrom } from '../checkpoints.js';
import type { SessionSource } from './source.js';

/** How long the host may take to say what is open, in ms. */
const PARTIAL_TIMEOUT_MS = 2_000;

const NOTHING = new Uint8Array(0);

/** A session on the backbone. */
export function natsSource(b: Backbone, sid: string): SessionSource {
  return {
    head: () => headOf(b, sid),
    read: (after, upTo, signal) => replay(b, sid, { after, upTo, signal }),
    tail: (after, sink) =>
      tail(b, sid, {
        after,
        onEvents: (batch) => sink.onEvents(batch),
        onDelta: (bytes) => sink.onDelta(bytes),
        onReset: () => sink.onReset(),
      }),
    partial: async () => {
      const answer = await requestRpc(b, subjects.sessionPartial(sid), NOTHING, { timeoutMs: PARTIAL_TIMEOUT_MS });
      return answer.kind === 'ok' ? answer.body : undefined;
    },
    offsetBefore: async (events, upTo) => {
      const row = await readSessionRow(b, sid);
      return offsetFrom(row, events, upTo);
    },
  };
}
