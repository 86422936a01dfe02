import { BoundedMap, isMap, type Author } from '@pizzapi/protocol';
import type { Resolution } from './promptOutcome.js';

/** Ends of prompts that are remembered, for answers that come too late. */
const MAX_RESOLUTIONS = 64;
const OUTCOMES = ['answered', 'cancelled', 'timed_out', 'settled'] as const;

/** Who answered what, read from the events of the log. */
export class PromptResolutions {
  /** `whole`: by an answer to the prompt itself, and not to one of its steps. */
  readonly #ends = new BoundedMap<string, Resolution & { whole: boolean }>(MAX_RESOLUTIONS);
  /** The prompt that a dialog is a step of. */
  readonly #promptOf = new BoundedMap<string, string>(MAX_RESOLUTIONS);

  read(event: unknown): void {
    if (!isMap(event)) return;
    const { type, dialogId, promptId } = event;
    if (typeof dialogId !== 'string') return;
    if (type === 'dialog_opened' && typeof promptId === 'string') this.#promptOf.set(dialogId, promptId);
    if (type !== 'dialog_resolved') return;
    const id = this.#promptOf.get(dialogId) ?? dialogId;
    // The host closes the dialogs of a prompt that was answered as a whole: that says nothing new.
    if (id !== dialogId && this.#ends.get(id)?.whole === true) return;
    this.#ends.set(id, { ...resolutionOf(event), whole: id === dialogId });
  }

  of(id: string): Resolution | undefined {
    return this.#ends.get(id);
  }

  /** It is asked anew. */
  forget(id: string): void {
    this.#ends.delete(id);
  }
}

function resolutionOf(event: Readonly<Record<string, unknown>>): Resolution {
  const { value, by } = event;
  const answered = value === undefined || value === null ? 'cancelled' : 'answered';
  return {
    outcome: OUTCOMES.find((known) => known === event['outcome']) ?? answered,
    ...(isMap(by) ? { by: by as unknown as Author } : {}),
    value,
  };
}
