import { MAX_SESSIONS_PAGE, type SessionsQuery } from '@pizzapi/protocol';
import type { Hub } from '@pizzapi/session-client';
import { SvelteSet } from 'svelte/reactivity';
import { matches } from '../model/grouping.js';
import { api } from './client.js';
import { ListSearch } from './listSearch.svelte.js';
import { PageSource } from './pageSource.svelte.js';

/** Sessions that are fetched again after the connection was lost; what lies beyond them waits for the person. */
const KEPT = 2_000;

/** The sessions that the first page of the list does not have: further pages, searches, and single ones that are shown. */
class SessionPages {
  /** All sessions of the person are here. */
  readonly isWhole = $derived.by(() => this.#rest?.hasMore !== true);
  /** Counts the lists of the hub: what was fetched for another one is fetched again. */
  list = $state.raw(0);
  /** The gateway looks for what the list is filtered by. */
  readonly search = new ListSearch((query, search) => this.sourceOf(query, search));
  /** What the end of the list leads to: further results of a search, or further sessions. */
  readonly source = $derived.by(() => (this.search.query === undefined ? this.#rest : this.search.found));
  #rest = $state.raw<PageSource>();
  readonly #missing = new SvelteSet<string>();
  readonly #asked = new Set<string>();
  #hub: Hub | undefined;
  /** How many sessions of further pages were here before the connection was lost. */
  #extent = 0;

  /** Takes over what the hub knows now. */
  pull(hub: Hub): void {
    if (this.#hub === hub && this.list === hub.lists) return;
    this.#extent = this.#hub === hub ? Math.min(this.#rest?.count ?? 0, KEPT) : 0;
    this.#hub = hub;
    this.list = hub.lists;
    this.#missing.clear();
    this.#asked.clear();
    if (hub.lists === 0) return;
    this.#rest = hub.cursor === undefined ? undefined : new PageSource(api, hub, {}, { cursor: hub.cursor });
    if (this.#rest !== undefined) void this.#catchUp(hub, this.#rest);
    this.search.repeat();
  }

  /** Fetches as much as was here before. */
  async #catchUp(hub: Hub, rest: PageSource): Promise<void> {
    while (rest === this.#rest && rest.hasMore && rest.state !== 'failed' && rest.count < this.#extent)
      await rest.next(MAX_SESSIONS_PAGE);
    this.#settle(hub, rest);
  }

  /** Drops what is gone, once as much has been fetched again as was here before the connection was lost. */
  #settle(hub: Hub, rest: PageSource): void {
    if (rest !== this.#rest || rest.state === 'failed') return;
    if (!rest.hasMore || rest.count >= this.#extent) hub.dropUnconfirmed();
  }

  /** Fetches the next page of what the list shows. */
  next(): void {
    const [hub, rest, source] = [this.#hub, this.#rest, this.source];
    void source?.next().then(() => {
      if (hub !== undefined && rest !== undefined && source === rest) this.#settle(hub, rest);
    });
  }

  /** Returns where the sessions of a search come from; undefined when all sessions are here. */
  sourceOf(query: SessionsQuery, search: string): PageSource | undefined {
    if (this.#hub === undefined || this.isWhole) return undefined;
    const isOneWord = search.trim().split(/\s/).length === 1;
    return new PageSource(api, this.#hub, query, isOneWord ? {} : { fits: (session) => matches(session, search) });
  }

  /** Fetches a session that is shown and that the list may not have. */
  want(sid: string): void {
    const [hub, list] = [this.#hub, this.list];
    if (hub === undefined || list === 0 || this.isWhole || hub.isCurrent(sid) || this.#asked.has(sid)) return;
    this.#asked.add(sid);
    void api.sessions({ q: sid }).then((reply) => {
      if (list !== this.list) return;
      if (reply.kind === 'failed') return this.#asked.delete(sid);
      const { sessions } = reply.value;
      hub.add(sessions, list);
      if (!sessions.some(({ sessionId }) => sessionId === sid)) this.#missing.add(sid);
      return undefined;
    });
  }

  /** Whether the gateway has said that there is no such session in the list. */
  isMissing(sid: string): boolean {
    return this.isWhole || this.#missing.has(sid);
  }

  /** Forgets everything of the person who was there. */
  clear(): void {
    this.search.clear();
    this.#hub = undefined;
    this.#rest = undefined;
    this.list = 0;
  }
}

export const sessionPages = new SessionPages();
