import { SvelteMap } from 'svelte/reactivity';
import { draftedSessions, MAX_DRAFTS, oldestDrafts, promptDraftKey, promptDrafts } from '../model/draftKeys.js';
import { storage } from './storage.js';

const STORED = 'draft.';

/**
 * What a person has written in any form of this page and not sent. It outlives Escape, a reload and the end of what it
 * was written for, until it is sent or discarded. Secrets are never kept here.
 */
class Drafts {
  readonly #texts = new SvelteMap<string, string>();

  constructor() {
    for (const key of storage.keys(STORED)) this.#read(key);
    // Another tab of the same browser.
    addEventListener('storage', ({ key }) => {
      if (key === null) this.#texts.clear();
      else if (key.startsWith(`pizzapi.${STORED}`)) this.#read(key.slice('pizzapi.'.length));
    });
  }

  get(key: string): string | undefined {
    return this.#texts.get(key);
  }

  /** Keeps a text. An empty one is kept until the page is left, because it may differ from what a form begins with. */
  set(key: string, text: string): void {
    this.#texts.delete(key);
    this.#texts.set(key, text);
    storage.set(`${STORED}${key}`, text);
    for (const old of oldestDrafts([...this.#texts.keys()], MAX_DRAFTS)) this.drop(old);
  }

  drop(key: string): void {
    if (this.#texts.delete(key)) storage.set(`${STORED}${key}`, '');
  }

  /** Puts a text before what is written under a key. */
  prepend(key: string, text: string): void {
    const written = this.get(key) ?? '';
    this.set(key, written.trim() === '' ? text : `${text}\n\n${written}`);
  }

  /** Takes the text of one form to another. */
  move(from: string, to: string): void {
    const text = this.get(from);
    if (text === undefined) return;
    this.drop(from);
    this.prepend(to, text);
  }

  /** Sessions that have an unsent message, the latest first. */
  sessions(): string[] {
    return draftedSessions(this.#texts);
  }

  /** Texts of answers that were begun in a session, by prompt. */
  answers(sid: string): { promptId: string; text: string }[] {
    return promptDrafts(this.#texts, sid);
  }

  dropAnswer(sid: string, promptId: string): void {
    const prefix = promptDraftKey(sid, promptId, '');
    for (const key of [...this.#texts.keys()]) if (key.startsWith(prefix)) this.drop(key);
  }

  /** Forgets everything, for the next person at this browser. */
  clear(): void {
    this.#texts.clear();
    storage.forget(STORED);
  }

  #read(stored: string): void {
    const text = storage.get(stored);
    const key = stored.slice(STORED.length);
    if (text === undefined) this.#texts.delete(key);
    else this.#texts.set(key, text);
  }
}

export const drafts = new Drafts();

/** A field of a form whose text is kept. `prefill`: what it begins with; that alone is no draft. */
export function draftField(key: string, prefill = ''): { text: string } {
  return {
    get text() {
      return drafts.get(key) ?? prefill;
    },
    set text(text: string) {
      if (text === prefill) drafts.drop(key);
      else drafts.set(key, text);
    },
  };
}
