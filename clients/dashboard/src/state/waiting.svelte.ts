import type { SessionInfo, SessionMetaState } from '@pizzapi/protocol';
import type { Hub } from '@pizzapi/session-client';
import { dialogPreviews, promptPreviews, type PromptPreview } from '../model/promptPreview.js';
import { liveState } from '../model/liveState.js';
import { visible } from '../model/visible.js';
import { fetchLastEvents } from './fetchLastEvents.js';

/** A session that waits for the person. */
export interface Waiting {
  session: SessionInfo;
  /** ms since epoch, as far as this page knows. */
  since: number;
  /** What it asks; undefined until the gateway has said it. Empty when only its own page can show it. */
  asked: readonly PromptPreview[] | undefined;
}

/** Sessions whose prompts are fetched at once; more than that are listed without. */
const FOLLOWED = 50;

interface Entry {
  shown: Waiting;
  meta: SessionMetaState | undefined;
  /** Ends the news of what is asked; undefined for a session that is not followed. */
  stop: (() => void) | undefined;
  /** Dialogs that were looked up in the log, and the ids they were looked up for. */
  dialogs?: { ids: string; asked: readonly PromptPreview[] | undefined };
}

/** The sessions that wait for the person, those that wait longest first, each with what it asks. */
class WaitingList {
  list = $state.raw<readonly Waiting[]>([]);
  readonly #entries = new Map<string, Entry>();

  /** Takes over what the hub knows now, and has it tell what those that wait are asking. */
  pull(hub: Hub): void {
    const sessions = [...hub.sessions.values()].map(visible).filter((session) => liveState(session) === 'waiting');
    const ids = new Set(sessions.map(({ sessionId }) => sessionId));
    let changed = false;
    for (const [sid, { stop }] of this.#entries) {
      if (ids.has(sid)) continue;
      stop?.();
      this.#entries.delete(sid);
      changed = true;
    }
    for (const session of sessions) changed = this.#update(hub, session) || changed;
    if (changed) this.#publish();
  }

  /** Forgets everything; the hub is closed. */
  clear(): void {
    this.#entries.clear();
    this.list = [];
  }

  #publish(): void {
    this.list = [...this.#entries.values()].map(({ shown }) => shown).sort((a, b) => a.since - b.since);
  }

  #update(hub: Hub, session: SessionInfo): boolean {
    const { sessionId } = session;
    const known = this.#entries.get(sessionId);
    const follow = known?.stop !== undefined || this.#entries.size < FOLLOWED;
    const stop = follow ? (known?.stop ?? hub.watchMeta(sessionId)) : undefined;
    const meta = visible(hub.meta(sessionId));
    if (known !== undefined && known.shown.session === session && known.meta === meta) return false;
    const goesOn = known?.shown.session.waiting.some((id) => session.waiting.includes(id)) ?? false;
    // Nothing happens in a session that waits, so that its last event is what it waits for.
    const since = known !== undefined && goesOn ? known.shown.since : session.lastActivityAt;
    const entry: Entry = { ...known, shown: { session, since, asked: follow ? undefined : [] }, meta, stop };
    this.#entries.set(sessionId, entry);
    // List and prompts come by different ways: what is answered in either is not shown.
    const asked = meta && promptPreviews(meta, session.waiting);
    if (asked !== undefined) entry.shown.asked = asked.length > 0 ? asked : this.#dialogs(entry);
    return true;
  }

  /** Extensions ask by dialogs, which only the log tells: what is known of those that are open, or they are looked up. */
  #dialogs(entry: Entry): readonly PromptPreview[] | undefined {
    const { sessionId, waiting: open } = entry.shown.session;
    const ids = open.join();
    if (entry.dialogs?.ids === ids) return entry.dialogs.asked;
    entry.dialogs = { ids, asked: undefined };
    void fetchLastEvents(sessionId).then((events) => {
      const now = this.#entries.get(sessionId);
      if (now?.dialogs?.ids !== ids) return;
      const asked = dialogPreviews(visible(events), open);
      now.dialogs = { ids, asked };
      if (now.shown.asked !== undefined) return;
      now.shown = { ...now.shown, asked };
      this.#publish();
    });
    return undefined;
  }
}

export const waiting = new WaitingList();
