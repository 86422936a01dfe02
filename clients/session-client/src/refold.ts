import { applyEvent, createTranscript, type Transcript } from '@pizzapi/protocol';

/** An event with its offset. */
export type FoldableEvent = readonly [seq: number, event: unknown];

/** Events that are folded before the time is looked at. */
const EVENTS_A_LOOK = 32;

/**
 * Folds a log again from an earlier event, in steps, so that a page stays quick while it does. The events that are there
 * already may grow meanwhile.
 */
export class Refold {
  readonly transcript: Transcript = createTranscript();
  readonly earlier: readonly FoldableEvent[];
  readonly #present: readonly FoldableEvent[];
  #folded = 0;

  constructor(earlier: readonly FoldableEvent[], present: readonly FoldableEvent[]) {
    this.earlier = earlier;
    this.#present = present;
  }

  /** Folds until `isDue`, or to the end. Returns whether all is folded. */
  step(isDue: () => boolean): boolean {
    const { earlier } = this;
    const present = this.#present;
    const count = () => earlier.length + present.length;
    while (this.#folded < count()) {
      const end = Math.min(count(), this.#folded + EVENTS_A_LOOK);
      for (; this.#folded < end; this.#folded++) {
        const at = this.#folded - earlier.length;
        const [seq, event] = at < 0 ? earlier[this.#folded]! : present[at]!;
        applyEvent(this.transcript, seq, event);
      }
      if (isDue()) break;
    }
    return this.#folded >= count();
  }
}
