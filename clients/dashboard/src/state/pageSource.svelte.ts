import { MAX_SESSIONS_PAGE, type ErrorInfo, type SessionInfo, type SessionsQuery } from '@pizzapi/protocol';
import type { Hub, SessionLister } from '@pizzapi/session-client';

/** How many sessions a further page of the list has. */
const PAGE = 200;
/** Further pages that are fetched at once while few sessions fit a search of several words, and what is enough. */
const MAX_PAGES = 10;
const ENOUGH = 20;

/** The pages of one query, fetched one after the other into the hub. */
export class PageSource {
  state = $state.raw<'ready' | 'loading' | 'failed'>('ready');
  error = $state.raw<ErrorInfo>();
  /** Whether there is a page that has not been fetched. */
  hasMore = $state.raw(true);
  /** How many sessions its pages had. */
  count = 0;
  readonly #api: SessionLister;
  readonly #hub: Hub;
  readonly #list: number;
  readonly #query: SessionsQuery;
  readonly #fits: ((session: SessionInfo) => boolean) | undefined;
  #cursor: string | undefined;

  /**
   * `cursor`: where the pages begin that are still to be fetched. `fits`: which of the sessions that the gateway finds are
   * meant, where the query cannot say it.
   */
  constructor(
    api: SessionLister,
    hub: Hub,
    query: SessionsQuery,
    { cursor, fits }: { cursor?: string; fits?: (session: SessionInfo) => boolean } = {},
  ) {
    this.#api = api;
    this.#hub = hub;
    this.#list = hub.lists;
    this.#query = query;
    this.#cursor = cursor;
    this.#fits = fits;
  }

  /** Fetches the next page. Does nothing while one is on its way. */
  async next(limit = PAGE): Promise<void> {
    if (this.state === 'loading' || !this.hasMore) return;
    this.state = 'loading';
    if (this.#fits === undefined) await this.#fetch(limit);
    else {
      const before = this.count;
      for (let pages = 0; pages < MAX_PAGES && this.hasMore && this.count - before < ENOUGH; pages++)
        if (!(await this.#fetch(MAX_SESSIONS_PAGE))) break;
    }
    this.state = this.error === undefined ? 'ready' : 'failed';
  }

  async #fetch(limit: number): Promise<boolean> {
    const cursor = this.#cursor;
    const page = await this.#api.sessions({ limit, ...this.#query, ...(cursor === undefined ? {} : { cursor }) });
    this.error = page.kind === 'failed' ? page.error : undefined;
    if (page.kind === 'failed') return false;
    const { sessions } = page.value;
    const fitting = this.#fits === undefined ? sessions : sessions.filter(this.#fits);
    this.count += fitting.length;
    this.#cursor = page.value.cursor;
    // The same cursor again would lead to the same page for ever.
    this.hasMore = this.#cursor !== undefined && this.#cursor !== cursor;
    return this.#hub.add(fitting, this.#list);
  }
}
