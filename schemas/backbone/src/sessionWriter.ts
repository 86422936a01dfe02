import type { Logger } from '@pizzapi/process';
import type { SessionEvent, TraceContext, UnknownEvent, UnnumberedDelta } from '@pizzapi/protocol';

export interface WriterOptions {
  sid: string;
  /** From `claimSession`. */
  epoch: number;
  /** A folder of this host's own. The file of a session in it is named by its id. */
  spoolDir: string;
  maxSpoolBytes?: number;
  log?: Logger;
  /** Ends the wait for a backbone that is needed to open the spool of an earlier epoch. */
  signal?: AbortSignal;
  /**
   * The message ids of the session's log after an offset, asked for when another wrote to it since the spool was
   * written. Read from the log when left out, which not every credential may.
   */
  storedIds?: (after: number) => Promise<readonly string[]>;
  /** Further fields of the `session_resumed` before the events of an earlier epoch. */
  resumed?: Readonly<Record<string, unknown>>;
}

/** What became of an event. All but `spool_full` mean: it is in the log, or it is on disk and will be appended. */
export type AppendOutcome =
  | { kind: 'appended'; seq: number; n: number }
  /** An earlier attempt had stored it. */
  | { kind: 'duplicate'; seq: number; n: number }
  /**
   * A writer of a higher epoch owns the session. The event waits on disk for a writer with a newer grant, unless this
   * one came too late from the start: then the disk holds what the newer one left.
   */
  | { kind: 'fenced'; epoch: number }
  /** On disk, in order, and appended by itself once the backbone answers. */
  | { kind: 'spooled'; n: number }
  /** Not accepted: append it again when `onSpool` says there is room. */
  | { kind: 'spool_full' };

export interface SpoolState {
  events: number;
  bytes: number;
  full: boolean;
}

/** The one writer of a session. */
export interface SessionWriter {
  readonly sid: string;
  readonly epoch: number;
  /**
   * Appends in the order of the calls. The trace context goes into the headers of the event; an event that the process does
   * not live to send is sent without it.
   */
  append(event: SessionEvent | UnknownEvent, trace?: TraceContext): Promise<AppendOutcome>;
  /** Numbers a piece and sends it to whoever listens; dropped when the backbone is out of reach. Returns its `n`. */
  publishDelta(delta: UnnumberedDelta): number;
  /** The number of the last piece. */
  deltaN(): number;
  spool(): SpoolState;
  onFenced(fn: (epoch: number) => void): void;
  onSpool(fn: (state: SpoolState) => void): void;
  /** Resolves when every event is in the log; also when the writer is fenced or closed, and nothing more will be sent. */
  settled(): Promise<void>;
  /** Stops. What is not in the log stays on disk for the next writer. */
  close(): Promise<void>;
  /** Stops and deletes what is not in the log: the session belongs to another host for good. */
  discard(): Promise<void>;
}

/** A writer that a newer one on the same host has replaced before it was opened. The spool is the newer one's. */
export function lateWriter({ sid, epoch }: WriterOptions, by: number): SessionWriter {
  const over = (): Promise<void> => Promise.resolve();
  return {
    sid,
    epoch,
    append: () => Promise.resolve({ kind: 'fenced', epoch: by }),
    publishDelta: () => 0,
    deltaN: () => 0,
    spool: () => ({ events: 0, bytes: 0, full: false }),
    onFenced: (fn) => fn(by),
    onSpool: () => undefined,
    settled: over,
    close: over,
    discard: over,
  };
}
