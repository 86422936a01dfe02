import { groupSessions, type SessionFilter } from '../model/grouping.js';
import { app } from '../state/app.svelte.js';

/** The list of sessions as the person filters it: the same in the sidebar and on the first page. */
class SessionList {
  filter = $state<SessionFilter>('all');
  search = $state('');
  readonly groups = $derived(groupSessions(app.sessions, app.runners, this.filter, this.search));
  /** Only some sessions are listed. Groups are open then, because a folded one would hide what was found. */
  readonly isFiltered = $derived(this.filter !== 'all' || this.search.trim() !== '');
  readonly isEmpty = $derived(this.groups.every(({ folders }) => folders.length === 0));
  /** Why nothing is listed, in words. */
  readonly nothing = $derived(
    this.search !== ''
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
