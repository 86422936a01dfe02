import type { Session } from '@pizzapi/session-client';
import { findPattern, itemsWith } from './find.js';
import type { Screen } from './screen.js';

export interface FinderDeps {
  session: Pick<Session, 'transcript'>;
  screen: Screen;
  /** Loads everything before the first item. */
  loadWhole: () => Promise<void>;
  say: (text: string, tint?: 'dim' | 'warning') => void;
}

/** Leads a person through a whole transcript: to a text, and to the beginning. */
export class Finder {
  readonly #deps: FinderDeps;
  #query = '';
  #last: string | undefined;

  constructor(deps: FinderDeps) {
    this.#deps = deps;
  }

  async toBeginning(): Promise<void> {
    await this.#deps.loadWhole();
    this.#deps.screen.pane.toStart();
  }

  /** Goes to the newest match of a text. Without a text, to the match before the one that is shown. */
  async find(query: string): Promise<void> {
    const { session, screen, say } = this.#deps;
    if (query !== '') [this.#query, this.#last] = [query, undefined];
    if (this.#query === '') return say('Name what to find: //find <text>', 'warning');
    await this.#deps.loadWhole();
    const pattern = findPattern(this.#query);
    const found = await itemsWith(pattern, session.transcript.items);
    if (found.length === 0) return say(`No match for “${this.#query}”.`, 'warning');
    const at = this.#last === undefined ? 0 : (found.indexOf(this.#last) + 1) % found.length;
    this.#last = found[at]!;
    screen.pane.showMatch(this.#last, pattern);
    say(`“${this.#query}”: ${at + 1} of ${found.length}. //find goes to the one before.`);
  }
}
