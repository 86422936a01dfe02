import type { SessionsQuery } from '@pizzapi/protocol';
import { queryText } from '@pizzapi/session-client';
import { groupSessions, type SessionFilter } from '../model/grouping.js';
import { listRows, positions } from '../model/listRows.js';
import { holds } from '../model/tree.js';
import { app } from '../state/app.svelte.js';
import { router } from '../state/router.svelte.js';
import { sessionPages } from '../state/sessionPages.svelte.js';
import { treeExpansion } from './treeExpansion.js';

/** The state that the gateway is asked for. */
const STATES = { all: undefined, active: 'live', waiting: 'waiting' } as const;

/** The list of sessions as the person filters it: the same in the sidebar and on the first page. */
class SessionList {
  filter = $state<SessionFilter>('all');
  search = $state('');
  readonly groups = $derived(groupSessions(app.sessions, app.runners, this.filter, this.search));
  /** Only some sessions are listed. Groups are open then, because a folded one would hide what was found. */
  readonly isFiltered = $derived(this.filter !== 'all' || this.search.trim() !== '');
  readonly isEmpty = $derived(this.groups.every(({ folders }) => folders.length === 0));
  /** What the gateway is asked for, so that the filter also finds what is not here. */
  readonly query = $derived.by((): SessionsQuery | undefined => {
    const [q, state] = [queryText(this.search), STATES[this.filter]];
    if (q === undefined && state === undefined) return undefined;
    return { ...(q === undefined ? {} : { q }), ...(state === undefined ? {} : { state }) };
  });
  /** The session whose page is open. */
  readonly current = $derived(router.route.page === 'session' ? router.route.sid : undefined);
  readonly hasMore = $derived(
    sessionPages.search.isSearching || sessionPages.source?.hasMore === true || sessionPages.source?.state === 'failed',
  );
  /** The lines of the list, in the order of the screen. */
  readonly rows = $derived(
    listRows(
      this.groups,
      {
        isGroupOpen: (key) => this.isFiltered || (treeExpansion.get(key) ?? true),
        // Unless a person has chosen: where something happens, and where one is.
        isBranchOpen: (node) =>
          treeExpansion.get(node.session.sessionId) ??
          (node.below.working + node.below.waiting > 0 || holds(node, this.current)),
      },
      this.hasMore,
    ),
  );
  readonly positions = $derived(positions(this.rows));
  /** Why nothing is listed, in words. */
  readonly nothing = $derived(
    sessionPages.search.isSearching
      ? 'Searching all sessions…'
      : this.search !== ''
        ? `No match for “${this.search}”.`
        : this.filter === 'waiting'
          ? 'No session waits for you.'
          : 'No session is active.',
  );

  /** Lists everything again, for the next person at this browser. */
  reset(): void {
    this.filter = 'all';
    this.search = '';
  }
}

export const sessionList = new SessionList();
