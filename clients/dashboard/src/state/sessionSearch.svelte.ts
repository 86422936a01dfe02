import type { TranscriptItem } from '@pizzapi/protocol';
import type { Viewpoint } from '../model/author.js';
import { countMatches, searchParts, searchPattern, type SearchPart } from '../model/searchText.js';

/** How long rows are searched before others have their turn, in ms: typing must not be held up. */
const STEP_MS = 8;
/** Bytes of texts outside of the log that one search fetches at most. */
const MAX_BLOB_BYTES = 32 * 1024 * 1024;

/** A row with matches. */
interface Hit {
  row: string;
  /** Its position among the rows. */
  index: number;
  count: number;
}

/** A match: the `n`th of a row, from 0. */
export interface SearchMatch {
  row: string;
  n: number;
}

/** What is searched. */
export interface SearchedSession {
  readonly rows: readonly { id: string; item: TranscriptItem }[];
  readonly reader: Viewpoint;
  readonly hasEarlier: boolean;
  readonly folds: { set(key: string, open: boolean): void };
  readonly blobs: { text(hash: string): Promise<{ kind: 'ready'; text: string } | { kind: 'failed' }> };
  loadWhole(): Promise<void>;
}

/** The part of the page that shows a transcript, for those who lead a person through it. */
export interface TranscriptGuide {
  /** The first row in sight. */
  firstInSight(): string | undefined;
  show(match: SearchMatch): void;
  toBeginning(): void;
  toEnd(): void;
}

/**
 * Searches the whole transcript: also what is folded, not drawn or not loaded yet. It reads the texts of the rows in
 * steps, once for each query and each change of a row.
 */
export class SessionSearch {
  isOpen = $state(false);
  /** Counts how often the search was opened: each time the field takes the focus. */
  opened = $state(0);
  isSearching = $state(false);
  /** Some texts could not be fetched, or were too many. */
  isIncomplete = $state(false);
  #query = $state('');
  #hits = $state.raw<readonly Hit[]>([]);
  current = $state.raw<SearchMatch>();
  readonly pattern = $derived(this.isOpen ? searchPattern(this.#query) : undefined);
  readonly total = $derived(this.#hits.reduce((sum, { count }) => sum + count, 0));
  /** Which match is shown, from 1; 0 for none. */
  readonly position = $derived(this.#positionOf(this.current));
  /** Set while a transcript is on the page. */
  guide: TranscriptGuide | undefined;

  readonly #session: SearchedSession;
  /** Matches by item: an item is replaced when it changes. */
  #counts = new WeakMap<TranscriptItem, number>();
  #round = 0;

  constructor(session: SearchedSession) {
    this.#session = session;
  }

  get query(): string {
    return this.#query;
  }

  set query(query: string) {
    this.#query = query;
    this.#counts = new WeakMap();
    this.current = undefined;
    void this.#search();
  }

  open(): void {
    this.isOpen = true;
    this.opened++;
    if (this.#query !== '') void this.#search();
  }

  close(): void {
    this.isOpen = false;
    this.#round++;
    this.isSearching = false;
    this.#hits = [];
    this.current = undefined;
  }

  /** Looks at rows that came or changed. */
  refresh(): void {
    if (this.isOpen && this.#query !== '' && !this.isSearching) void this.#search();
  }

  /** Goes to the next match, or to the one before; behind the last comes the first. */
  step(by: 1 | -1): void {
    const { total, position } = this;
    if (total === 0) return;
    this.#show(this.#matchAt(position === 0 ? (by === 1 ? 0 : total - 1) : (position - 1 + by + total) % total));
  }

  async #search(): Promise<void> {
    const round = ++this.#round;
    const isOver = () => round !== this.#round;
    const { pattern } = this;
    if (pattern === undefined) {
      this.#hits = [];
      this.isSearching = this.isIncomplete = false;
      return;
    }
    this.isSearching = true;
    this.isIncomplete = false;
    // What is here is found at once; then the rest, once it is loaded.
    await this.#read(pattern, isOver);
    if (!isOver() && this.#session.hasEarlier) {
      await this.#session.loadWhole();
      if (!isOver()) await this.#read(pattern, isOver);
      if (!isOver() && this.#session.hasEarlier) this.isIncomplete = true;
    }
    if (!isOver()) this.isSearching = false;
  }

  async #read(pattern: RegExp, isOver: () => boolean): Promise<void> {
    const hits: Hit[] = [];
    let bytes = 0;
    let until = performance.now() + STEP_MS;
    for (const [index, { id, item }] of this.#session.rows.entries()) {
      let count = this.#counts.get(item);
      if (count === undefined) {
        count = 0;
        for (const part of searchParts(item, this.#session.reader)) {
          bytes += part.blob?.size ?? 0;
          const text = part.blob === undefined ? part.text() : await this.#whole(part, bytes);
          if (isOver()) return;
          count += countMatches(text, pattern);
        }
        this.#counts.set(item, count);
      }
      if (count > 0) hits.push({ row: id, index, count });
      if (performance.now() < until) continue;
      await new Promise((resolve) => setTimeout(resolve));
      if (isOver()) return;
      until = performance.now() + STEP_MS;
    }
    this.#hits = hits;
    if (this.current === undefined || this.position === 0) this.#show(this.#nearest());
  }

  /** The whole of a text that is stored outside of the log. */
  async #whole(part: SearchPart, bytes: number): Promise<string> {
    const read = bytes > MAX_BLOB_BYTES ? undefined : await this.#session.blobs.text(part.blob!.blob);
    if (read?.kind === 'ready') return part.text(read.text);
    this.isIncomplete = true;
    return part.text();
  }

  /** The first match from what is in sight on, as in the search of a browser; else the last. */
  #nearest(): SearchMatch | undefined {
    const first = this.guide?.firstInSight();
    const from = this.#session.rows.findIndex(({ id }) => id === first);
    const hit = this.#hits.find(({ index }) => index >= from) ?? this.#hits.at(-1);
    return hit === undefined ? undefined : { row: hit.row, n: 0 };
  }

  #show(match: SearchMatch | undefined): void {
    this.current = match;
    if (match === undefined) return;
    this.#unfold(match);
    this.guide?.show(match);
  }

  /** Opens what the match is folded in. */
  #unfold({ row, n }: SearchMatch): void {
    const item = this.#session.rows.find(({ id }) => id === row)?.item;
    const { pattern } = this;
    if (item === undefined || pattern === undefined) return;
    let seen = 0;
    for (const part of searchParts(item, this.#session.reader)) {
      seen += part.blob === undefined ? countMatches(part.text(), pattern) : 1;
      if (seen <= n) continue;
      const folds = [part.around, part.fold].filter((key) => key !== undefined);
      for (const key of folds) this.#session.folds.set(key, true);
      if (folds.length > 0 || part.blob === undefined) return;
    }
  }

  #matchAt(index: number): SearchMatch | undefined {
    let left = index;
    for (const { row, count } of this.#hits) {
      if (left < count) return { row, n: left };
      left -= count;
    }
    return undefined;
  }

  #positionOf(match: SearchMatch | undefined): number {
    let before = 0;
    for (const { row, count } of match === undefined ? [] : this.#hits) {
      if (row === match!.row) return match!.n < count ? before + match!.n + 1 : 0;
      before += count;
    }
    return 0;
  }
}
