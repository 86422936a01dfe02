import type { ExtensionAPI, SessionEntry } from '@mariozechner/pi-coding-agent';
import { isMap } from '@pizzapi/protocol';
import { userTexts } from '../userTexts.js';

const ENTRY = 'pizzapi.late-answer';

interface Kept {
  sessionId: string;
  text: string;
  /** It was given by an earlier process already, which may have died before the agent read it. */
  again?: true;
}

export interface LateAnswersDeps {
  pi: Pick<ExtensionAPI, 'appendEntry' | 'sendUserMessage'>;
  /** Resolves when the extensions have started. */
  started: Promise<unknown>;
  sessionId: () => string;
}

/**
 * Answers to what an earlier process asked, on their way to the agent as messages. While the agent works they wait in
 * pi's memory; so each is kept in the session file first, and what the story does not hold is given once more by the
 * next process. Once: an extension may have rewritten what was said, and it would never be found.
 */
export class LateAnswers {
  #giving = 0;

  constructor(private readonly deps: LateAnswersDeps) {}

  /** Whether one is on its way to pi. */
  get isGiving(): boolean {
    return this.#giving > 0;
  }

  give(text: string): Promise<void> {
    return this.#give({ sessionId: this.deps.sessionId(), text });
  }

  /** Gives what an earlier process of this session could not. */
  async restore(branch: readonly SessionEntry[]): Promise<void> {
    for (const { text } of unread(branch, this.deps.sessionId())) {
      await this.#give({ sessionId: this.deps.sessionId(), text, again: true });
    }
  }

  async #give(kept: Kept): Promise<void> {
    const { pi, started } = this.deps;
    pi.appendEntry(ENTRY, kept);
    this.#giving++;
    try {
      await started;
      pi.sendUserMessage(kept.text, { deliverAs: 'followUp' });
    } finally {
      this.#giving--;
    }
  }
}

function unread(branch: readonly SessionEntry[], sessionId: string): Kept[] {
  const left = new Map<string, Kept>();
  branch.forEach((entry, at) => {
    const kept = entry.type === 'custom' && entry.customType === ENTRY ? entry.data : undefined;
    if (!isKept(kept) || kept.sessionId !== sessionId) return;
    if (kept.again === true || userTexts(branch.slice(at)).has(kept.text)) left.delete(kept.text);
    else left.set(kept.text, kept);
  });
  return [...left.values()];
}

function isKept(value: unknown): value is Kept {
  return isMap(value) && typeof value['sessionId'] === 'string' && typeof value['text'] === 'string';
}
