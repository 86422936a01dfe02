import type { PromptView } from '@pizzapi/protocol';

type Prompt = Pick<PromptView, 'id' | 'title'>;

/**
 * The prompts that wait for a person, compared from one look to the next. A prompt that was open while the log was still
 * being read may have been answered long ago: its end is no news. Only what waited at the present and waits no more is.
 */
export class OpenPrompts {
  #open: readonly Prompt[] = [];
  #isCurrent = false;

  /** Returns what is new and what has ended. `isCurrent`: the log has been read up to the present. */
  look(open: readonly Prompt[], isCurrent: boolean): { begun: readonly Prompt[]; ended: readonly Prompt[] } {
    const before = this.#open;
    const wasCurrent = this.#isCurrent;
    this.#open = open;
    this.#isCurrent = isCurrent;
    const missing = (all: readonly Prompt[], from: readonly Prompt[]) =>
      all.filter(({ id }) => !from.some((other) => other.id === id));
    return { begun: missing(open, before), ended: isCurrent && wasCurrent ? missing(before, open) : [] };
  }

  has(id: string): boolean {
    return this.#open.some((prompt) => prompt.id === id);
  }
}
