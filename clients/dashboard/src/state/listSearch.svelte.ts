import type { SessionsQuery } from '@pizzapi/protocol';
import type { PageSource } from './pageSource.svelte.js';

/** How long a person has stopped typing before the gateway is asked, in ms. */
const PAUSE_MS = 250;

/** Returns where the sessions of a search come from; undefined when all sessions are here. */
type SourceOf = (query: SessionsQuery, search: string) => PageSource | undefined;

/** A search of the list by the gateway, which finds sessions that are not here. What it finds comes into the list. */
export class ListSearch {
  isSearching = $state.raw(false);
  /** The pages of the results, once the first one is here. */
  found = $state.raw<PageSource>();
  /** What is looked for; undefined when nothing is. */
  query = $state.raw<SessionsQuery>();
  readonly #sourceOf: SourceOf;
  #search = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(sourceOf: SourceOf) {
    this.#sourceOf = sourceOf;
  }

  /** Looks for something else, after a pause in typing: what fits a query, and has all words of `search`. */
  find(query: SessionsQuery | undefined, search: string): void {
    if (JSON.stringify([query, search]) === JSON.stringify([this.query, this.#search])) return;
    this.clear();
    this.query = query;
    this.#search = search;
    const source = query && this.#sourceOf(query, search);
    if (source === undefined) return;
    this.isSearching = true;
    this.#timer = setTimeout(() => {
      void source.next().then(() => {
        if (this.query !== query) return;
        this.found = source;
        this.isSearching = false;
      });
    }, PAUSE_MS);
  }

  /** Looks for the same again: what was found belongs to a list that is not current any more. */
  repeat(): void {
    const { query } = this;
    const search = this.#search;
    this.clear();
    this.find(query, search);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.query = undefined;
    this.#search = '';
    this.found = undefined;
    this.isSearching = false;
  }
}
