import {
  answerableBy,
  guestUserId,
  inputsOnTheirWay,
  openDialogs,
  pendingPrompts,
  queuedInputs,
  type Author,
  type DialogItem,
  type NoticeItem,
  type PendingInput,
  type Presence,
  type PromptView,
  type QueuedInput,
  type SessionInfo,
  type SessionMetaState,
  type Transcript,
  type TranscriptItem,
  type ViewerMode,
  modelText,
} from '@pizzapi/protocol';
import { SvelteMap } from 'svelte/reactivity';
import {
  watchConnectivity,
  isOpen,
  openSession,
  type ConnectionView,
  type Session,
  type SessionChange,
} from '@pizzapi/session-client';
import { app } from './app.svelte.js';
import { Blobs } from './blobs.js';
import { forPage } from '../model/pageErrors.js';
import { visible } from '../model/visible.js';
import { byId } from '../model/byId.js';
import { signedIn } from './client.js';
import { watchPageVisibility } from './pageVisibility.js';
import { renderScheduler } from './renderScheduler.js';
import { guest } from './guest.svelte.js';
import { treeOf } from '../model/tree.js';
import type { Viewpoint } from '../model/author.js';
import { UnsentMessages } from './unsentMessages.svelte.js';
import { QueueControl } from './queueControl.svelte.js';
import { PromptStates } from './prompts.svelte.js';
import { SessionSearch } from './sessionSearch.svelte.js';
import { toasts } from './toasts.svelte.js';

/** Events a session is opened with, and how many more come with each step back. */
export const FIRST_EVENTS = 400;
const EARLIER_EVENTS = 600;
/** Notices that a session may begin with and still count as fresh. */
const FRESH_NOTICES = 6;
/** Those by which nobody says anything. */
const SETTING_UP = new Set<NoticeItem['notice']>(['started', 'resumed', 'name', 'model', 'thinking']);

/** One row of the transcript: a signal of its own, so that a piece redraws one row and nothing else. */
export class Row {
  readonly id: string;
  #item: TranscriptItem = $state.raw()!;

  constructor(item: TranscriptItem) {
    this.id = item.id;
    this.#item = item;
  }

  /** The item, made safe to show when it is read: of a long session most rows are never drawn. */
  get item(): TranscriptItem {
    return visible(this.#item);
  }

  set item(item: TranscriptItem) {
    this.#item = item;
  }
}

/** One session as this page sees it: the store of the client, as signals. */
export class SessionView {
  readonly sid: string;
  rows = $state.raw<readonly Row[]>([]);
  /** True for the update that put earlier rows in front. */
  shifted = $state.raw(false);
  #said = $state.raw<SessionInfo>()!;
  /** The list hears of every session's host; the session's own feed says it when one joins. */
  readonly info = $derived<SessionInfo>(withHost(this.#said, app.session(this.#said.sessionId)?.host));
  meta = $state.raw<SessionMetaState>()!;
  viewers = $state.raw<readonly Presence[]>([]);
  mode = $state.raw<ViewerMode>('read');
  /** A guest who may read the files of the session's folder. */
  mayReadFiles = $state.raw(false);
  /** The gateway has said hello: `mode` is what it grants. */
  greeted = $state.raw(false);
  /** The page of somebody who came by a link. */
  readonly isGuest = guest !== undefined;
  /** How another account shares this session with the person who looks; undefined in a session of their own. */
  readonly shared = $derived.by(() => app.session(this.sid)?.shared);
  /** Another account has shared it while this page was open. */
  wasShared = $state(false);
  connection = $state.raw<ConnectionView>()!;
  /** The history has been read up to the present at least once. */
  loaded = $state.raw(false);
  busy = $state.raw(false);
  /** The host was stopped while the agent wrote, and the agent has not begun again. */
  interrupted = $state.raw(false);
  ended = $state.raw(false);
  /** The queue, in the order in which the agent will read it. */
  queued = $state.raw<readonly QueuedInput[]>([]);
  /** Inputs that were accepted and are not in the queue. */
  onTheirWay = $state.raw<readonly PendingInput[]>([]);
  pendingInputs = $state.raw<readonly PendingInput[]>([]);
  status = $state.raw<Transcript['status']>({});
  widgets = $state.raw<Transcript['widgets']>({});
  dialogs = $state.raw<readonly DialogItem[]>([]);
  hasEarlier = $state.raw(false);
  loadingEarlier = $state.raw(false);
  /** `provider/id` of the model in use. */
  readonly model = $derived(modelText(this.meta.model ?? this.info.model));
  /** The sessions that it started, the most urgent first. Guests are told of none. */
  readonly children = $derived<readonly SessionInfo[]>(
    treeOf(app.sessions.filter(({ parentSessionId }) => parentSessionId === this.sid)).map(({ session }) => session),
  );
  /** Where it is hosted. */
  readonly runner = $derived(app.runner(this.info.runnerId));
  /** A fork is made by the session's runner, which has its file; a terminal has room for one session. */
  readonly canFork = $derived(this.mode === 'owner' && this.runner?.online === true && this.runner.kind === 'daemon');
  /** Whether this page may change anything, and somebody is there to carry it out. */
  readonly canSteer = $derived(this.mode !== 'read' && !this.ended && this.info.host !== 'lost');
  /** Whether the session is this person's own: to rename, share, end and delete. */
  readonly owns = $derived(this.mode === 'owner');
  /** Nobody has said anything yet, nor has an extension. */
  readonly fresh = $derived(
    this.rows.length <= FRESH_NOTICES &&
      !this.busy &&
      this.pendingInputs.length === 0 &&
      this.rows.every(({ item }) => item.kind === 'notice' && SETTING_UP.has(item.notice)),
  );
  /** What the person has opened or closed, by row and block: it outlives the rows that scroll out of sight. */
  readonly folds = new SvelteMap<string, boolean>();
  /** How long thoughts took that this page saw being thought, in ms. */
  readonly thoughtFor = new SvelteMap<string, number>();

  readonly blobs: Blobs;
  /** Messages on their way from this page. */
  readonly outbox: UnsentMessages;
  /** Answers on their way from this page, and what became of what was asked. */
  readonly prompts: PromptStates;
  /** What waits for a person. Nobody waits in a session that is over. */
  readonly pending = $derived<readonly PromptView[]>(this.ended ? [] : pendingPrompts(this.meta, this.dialogs));
  /** Those of them that are for who looks to answer. */
  readonly mine = $derived(this.pending.filter((one) => answerableBy(this.mode, one) !== undefined));
  /** Who looks. */
  readonly reader = $derived<Viewpoint>({
    isGuest: this.isGuest,
    userId: app.me?.userId,
    guestId: this.shared === undefined ? undefined : guestUserId(this.shared.shareId),
    nameOf: (userId) => this.viewers.find((viewer) => viewer.userId === userId && viewer.mode === 'owner')?.name,
  });

  /** The person who looks, as the author of what this page sends. */
  readonly self = $derived<Author>(
    guest !== undefined
      ? { userId: guestUserId(guest.claims?.shareId ?? ''), via: 'collab' }
      : this.shared !== undefined
        ? { userId: guestUserId(this.shared.shareId), via: 'collab' }
        : { userId: app.me?.userId ?? this.info.userId, via: 'owner' },
  );
  /** What this page does with the queue, and with the queue at a stop. */
  readonly queueControl = new QueueControl(this);
  readonly search = new SessionSearch(this);

  readonly #store: Session;
  readonly #stop: (() => void)[] = [];
  #transcript: Transcript | undefined;
  #queue: Transcript['queue'] | undefined;
  #pendingInputs: Transcript['pendingInputs'] | undefined;
  /** Positions in the transcript that changed since the last frame. */
  #dirty: number[] = [];
  #rebuilt = true;

  constructor(sid: string) {
    this.sid = sid;
    this.blobs = new Blobs(sid);
    const asGuest = guest === undefined ? {} : guest.connectOptions;
    this.#store = openSession({ ...signedIn, sessionId: sid, tail: FIRST_EVENTS, ...asGuest });
    this.outbox = new UnsentMessages(this.#store, sid);
    this.prompts = new PromptStates(this.#store, sid, () => this.reader);
    this.#stop.push(
      this.#store.onEvent((_seq, event) => this.prompts.read(event)),
      this.#store.subscribe((change) => this.#changed(change)),
      watchConnectivity(this.#store),
    );
    // A guest is notified of nothing, and has nothing to say about it.
    if (guest === undefined) this.#stop.push(watchPageVisibility((seen) => this.#store.setVisible(seen)));
    this.#pull();
  }

  close(): void {
    for (const stop of this.#stop) stop();
    this.#store.close();
    this.blobs.close();
  }

  /** Sends a command; a refusal is shown as a toast. True when its host has carried it out. */
  async command(name: string, args: Record<string, unknown> = {}): Promise<boolean> {
    const sent = await this.#store.command(name, args);
    if (sent.kind === 'refused') toasts.error(sent.error);
    if (sent.kind === 'unknown')
      toasts.info('The gateway did not confirm the command: it may still be carried out. Check before you try again.');
    if (sent.kind !== 'accepted') return false;
    const outcome = await this.#store.result(sent.commandId);
    if (outcome.kind === 'failed') toasts.error({ ...outcome.error, code: 'command_failed' });
    return outcome.kind === 'ok' || outcome.kind === 'delivered';
  }

  /** Whether this page may have the agent continue what the stop of its host has ended. An answer continues it, too. */
  get canContinue(): boolean {
    return this.interrupted && !this.busy && this.canSteer && this.pending.length === 0;
  }

  async loadEarlier(): Promise<void> {
    if (this.loadingEarlier || !this.hasEarlier) return;
    this.loadingEarlier = true;
    const page = await this.#store.loadEarlier(EARLIER_EVENTS);
    if (page.kind === 'failed') toasts.error(page.error);
    this.hasEarlier = this.#store.hasEarlier;
    this.loadingEarlier = false;
  }

  /** Loads everything before the first row. */
  async loadWhole(): Promise<void> {
    if (!this.hasEarlier) return;
    this.loadingEarlier = true;
    const loaded = await this.#store.loadWhole();
    if (loaded.kind === 'failed') toasts.error(loaded.error);
    this.hasEarlier = this.#store.hasEarlier;
    this.loadingEarlier = false;
  }

  #changed(change: Readonly<SessionChange>): void {
    for (const position of change.items) this.#dirty.push(position);
    this.#rebuilt ||= change.rebuilt;
    // A page of earlier rows must reach the list in one go with the position it is to keep.
    if (change.prepended > 0) this.#pull();
    else renderScheduler.schedule(this.#pull);
  }

  /** Takes over what changed since the last frame. */
  readonly #pull = (): void => {
    const store = this.#store;
    const { transcript } = store;
    if (this.#rebuilt || this.#transcript !== transcript) this.#rebuildRows(transcript);
    else this.#updateRows(transcript);
    this.#transcript = transcript;
    this.#rebuilt = false;
    this.#dirty = [];
    this.#said = visible(store.info);
    this.meta = visible(store.meta);
    this.viewers = visible(store.viewers);
    this.mode = store.mode;
    this.mayReadFiles = store.mayReadFiles;
    this.wasShared ||= this.shared !== undefined;
    this.connection = connectionForPage(store.connection);
    this.greeted ||= isOpen(store.connection.state);
    this.loaded ||= store.connection.state.kind === 'live';
    this.busy = transcript.busy;
    this.interrupted = transcript.interrupted || store.info.interrupted === true;
    this.ended = transcript.ended || store.info.state === 'ended';
    if (this.#queue !== transcript.queue || this.#pendingInputs !== transcript.pendingInputs) {
      this.#queue = transcript.queue;
      this.#pendingInputs = transcript.pendingInputs;
      this.pendingInputs = visible(transcript.pendingInputs);
      this.queued = visible(queuedInputs(transcript));
      this.onTheirWay = visible(inputsOnTheirWay(transcript));
    }
    this.outbox.seen(transcript.pendingInputs);
    this.status = visible(transcript.status);
    this.widgets = visible(transcript.widgets);
    this.hasEarlier = store.hasEarlier;
    const dialogs = openDialogs(transcript).map(({ item }) => visible(item));
    const same = dialogs.length === this.dialogs.length && dialogs.every((item, i) => item === this.dialogs[i]);
    if (!same) this.dialogs = dialogs;
    this.prompts.seen(this.pending, this.loaded);
  };

  #updateRows(transcript: Transcript): void {
    if (this.#dirty.length === 0) return;
    const { items } = transcript;
    for (const position of this.#dirty) {
      const [row, item] = [this.rows[position], items[position]];
      if (row === undefined || item === undefined) continue;
      // An item that has moved takes its row along.
      if (row.id !== item.id) return this.#rebuildRows(transcript);
      row.item = item;
    }
    if (items.length > this.rows.length) {
      this.shifted = false;
      this.rows = [...this.rows, ...items.slice(this.rows.length).map((item) => new Row(item))];
    }
  }

  #rebuildRows({ items }: Transcript): void {
    const known = byId(this.rows);
    const first = this.rows[0]?.id;
    const rows = items.map((item) => {
      const row = known.get(item.id);
      if (row === undefined) return new Row(item);
      row.item = item;
      return row;
    });
    this.shifted =
      first !== undefined && rows.length > this.rows.length && rows[0]?.id !== first && known.has(rows.at(-1)!.id);
    this.rows = rows;
  }
}

/** The connection with an error that names no command of the terminal. */
function connectionForPage(connection: ConnectionView): ConnectionView {
  const { state } = connection;
  if (state.kind !== 'closed' || state.error === undefined) return connection;
  return { ...connection, state: { ...state, error: forPage(state.error) } };
}

function withHost(info: SessionInfo, host: SessionInfo['host']): SessionInfo {
  return host === undefined || host === info.host ? info : { ...info, host };
}
