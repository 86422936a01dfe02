import type { TraceContext } from '@pizzapi/protocol';

/** An event as it lies in the log. */
export interface SourceEvent {
  readonly seq: number;
  /** One msgpack map, undecoded. */
  readonly payload: Uint8Array;
  readonly type?: string;
  /** The trace that the event belongs to. Read from its headers at each access. */
  readonly trace?: TraceContext | undefined;
}

export interface TailSink {
  /** Events in order, each once. */
  onEvents(batch: readonly SourceEvent[]): void;
  onDelta(bytes: Uint8Array): void;
  /** The log was replaced by another: offsets so far mean nothing. */
  onReset(): void;
}

/** What a room needs of the backbone, for one session. */
export interface SessionSource {
  /** First and last offset stored; 0 and 0 when there is none. */
  head(): Promise<{ first: number; last: number }>;
  /** The events after `after`, up to `upTo`, in batches. */
  read(after: number, upTo: number, signal: AbortSignal): AsyncIterable<readonly SourceEvent[]>;
  /** Follows the log from `after` on. Resolves when all that was stored before has been handed over. */
  tail(after: number, sink: TailSink): Promise<{ stop(): Promise<void> }>;
  /** What is open at the host now: a msgpack `SessionPartial`, or undefined when nobody answers. */
  partial(): Promise<Uint8Array | undefined>;
  /** The greatest known offset with at least `events` events after it up to `upTo`; 0 = from the start. */
  offsetBefore(events: number, upTo: number): Promise<number>;
}
