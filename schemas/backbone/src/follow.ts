import { internals, type Backbone } from './connection.js';
import { EpochGate, replayGated, type StoredEvent } from './replay.js';
import { tail, type Tail } from './tail.js';

export interface FollowSink {
  /** Events in order, each once. While the story so far is read, the next batch waits for the promise. */
  onEvents: (batch: StoredEvent[]) => Promise<void> | void;
  /** Everything stored so far has been handed over; what follows is live. */
  onLive?: (position: number) => void;
  onDelta?: (bytes: Uint8Array) => void;
  onReset?: () => void;
}

/**
 * The whole of a session after an offset for one reader: the story so far at the reader's pace, then what happens,
 * without a gap or a repeat between the two. An abort of `signal` ends it.
 */
export async function follow(
  b: Backbone,
  sid: string,
  { after = 0, signal }: { after?: number; signal?: AbortSignal },
  sink: FollowSink,
): Promise<Tail> {
  let position = after;
  const gate = new EpochGate(internals(b));
  for await (const events of replayGated(b, sid, { after, ...(signal === undefined ? {} : { signal }) }, gate)) {
    position = events.at(-1)!.seq;
    await sink.onEvents(events);
  }
  const { onDelta, onReset } = sink;
  const live = await tail(b, sid, {
    after: position,
    onEvents: (events) => void sink.onEvents(events),
    ...(onDelta === undefined ? {} : { onDelta }),
    ...(onReset === undefined ? {} : { onReset }),
  });
  if (signal?.aborted === true) await live.stop();
  signal?.addEventListener('abort', () => void live.stop());
  sink.onLive?.(live.position);
  return live;
}
