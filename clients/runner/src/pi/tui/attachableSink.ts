import type { SessionEvent, UnnumberedDelta } from '@pizzapi/protocol';
import type { PiSink } from '../types.js';
import { MetaEventSnapshot } from './metaEventSnapshot.js';

/**
 * Where a terminal's session tells what happens: into nothing, until it is shared. What a log that begins later must
 * know of is remembered.
 */
export class AttachableSink implements PiSink {
  readonly memory = new MetaEventSnapshot();
  #sink: PiSink | undefined;

  /** Whether anybody is told. */
  get isOpen(): boolean {
    return this.#sink !== undefined;
  }

  open(sink: PiSink): void {
    this.#sink = sink;
  }

  close(): void {
    this.#sink = undefined;
  }

  event(event: SessionEvent): void {
    this.memory.note(event);
    this.#sink?.event(event);
  }

  delta(delta: UnnumberedDelta): void {
    this.#sink?.delta(delta);
  }
}
