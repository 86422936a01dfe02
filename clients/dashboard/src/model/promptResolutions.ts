import { isMap, type Author } from '@pizzapi/protocol';
import type { Resolution } from './promptOutcome.js';

/** Ends of prompts that are remembered, for answers that come too late. */
const MAX_RESOLUTIONS = 64;
const OUTCOMES = ['answered', 'cancelled', 'timed_out', 'settled'] as const;

/** Who answered what, read from the events of the log. */
export class PromptResolutions {
  /** `whole`: by an answer to the prompt itself, and not to one of its steps. */
  readonly #ends = new Map<string, Resolution & { whole: boolean }>();
  /** The prompt that a dialog is a step of. */
  readonly #promptOf = new Map<string, string>();

  read(event: unknown): void {
    if (!isMap(event)) return;
    const { type, dialogId, promptId } = event;
    if (typeof dialogId !== 'string') return;
    if (type === 'dialog_opened' && typeof promptId === 'string') remember(this.#promptOf, dialogId, promptId);
    if (type !== 'dialog_resolved') return;
    const id = this.#promptOf.get(dialogId) ?? dialogId;
    // The host closes the dialogs of a prompt that was answered as a whole: that says nothing new.
    if (id !== dialogId && this.#ends.get(id)?.whole === true) return;
    remember(this.#ends, id, { ...resolutionOf(event), whole: id === dialogId });
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

function remember<V>(map: Map<string, V>, id: string, value: V): void {
  map.delete(id);
  map.set(id, value);
  if (map.size > MAX_RESOLUTIONS) map.delete(map.keys().next().value!);
}
