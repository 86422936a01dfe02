import type { BackboneConnection } from './connection.js';
import type { StoredMessage } from './message.js';
import { EpochGate, type StoredEvent } from './replay.js';

/** Live events that are held during a repair. Further ones are read from the log. */
export const MAX_HELD = 1_024;

export interface GapRepairOptions {
  /** Events after this offset. */
  after: number;
  signal: AbortSignal;
  /** Reads the stored events after an offset. Events of an earlier epoch do not pass the gate. */
  read: (after: number, gate: EpochGate) => AsyncIterable<StoredEvent[]>;
  /** Receives the next live event. */
  onEvent: (event: StoredEvent) => void;
  /** Called before a repair reads, so that live events that were received earlier are handed over first. */
  onStart: () => void;
  /** Receives events that a repair has read. */
  onRepaired: (events: StoredEvent[]) => void;
}

/**
 * Puts the live events of a session in order: detects a gap by the offset of the preceding event that each live event
 * names, and reads the missing events from the log. Meanwhile it holds the live events.
 */
export class GapRepair {
  /** The offset of the last event handed over. */
  position: number;
  private readonly gate: EpochGate;
  private held: StoredMessage[] = [];
  /** More live events were received than can be held. */
  private hasOverflowed = false;
  private repairing: Promise<void> | undefined;

  constructor(
    private readonly connection: BackboneConnection,
    private readonly options: GapRepairOptions,
  ) {
    this.position = options.after;
    this.gate = new EpochGate(connection);
  }

  /** The repair in progress. */
  get current(): Promise<void> | undefined {
    return this.repairing;
  }

  /** Takes a live event in. */
  receive(message: StoredMessage): void {
    if (this.repairing === undefined) this.accept(message);
    else if (this.held.length < MAX_HELD) this.held.push(message);
    else this.hasOverflowed = true;
  }

  /** Counts a gap and repairs it. */
  repairGap(): Promise<void> {
    this.connection.counters.gapsFilled++;
    return this.repair();
  }

  /** Reads the log from the position on until nothing is missing. One at a time. Waits for `first` before it reads. */
  repair(first?: Promise<void>): Promise<void> {
    this.repairing ??= this.readMissing(first).finally(() => {
      this.repairing = undefined;
      const { held, hasOverflowed } = this;
      this.held = [];
      this.hasOverflowed = false;
      for (const message of held) {
        if (this.repairing === undefined) this.accept(message);
      }
      if (hasOverflowed && !this.options.signal.aborted) void this.repair();
    });
    return this.repairing;
  }

  /** Hands over the next event, skips a known one, and starts a repair when events are missing. */
  private accept(message: StoredMessage): void {
    if (message.seq <= this.position) return;
    if (message.prevSeq > this.position) {
      void this.repairGap();
      return;
    }
    this.position = message.seq;
    if (this.gate.passes(message)) this.options.onEvent(message);
  }

  private async readMissing(first: Promise<void> | undefined): Promise<void> {
    const { signal, read, onStart, onRepaired } = this.options;
    onStart();
    await first;
    for await (const events of read(this.position, this.gate)) {
      if (signal.aborted) return;
      this.position = events.at(-1)!.seq;
      onRepaired(events);
    }
    // The last stored events may be of an earlier epoch and were skipped.
    this.position = Math.max(this.position, this.gate.position);
  }
}
