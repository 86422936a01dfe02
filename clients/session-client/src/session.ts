import {
  CLIENT,
  errorInfo,
  isErrorCode,
  isMap,
  type DeliverAs,
  type ErrorInfo,
  type FrameAttachment,
  type Presence,
  type SessionInfo,
  type SessionMetaState,
  type Transcript,
  type ViewerDownFrame,
  type ViewerMode,
} from '@pizzapi/protocol';
import { isOpen, type ConnectionState } from './connectionMachine.js';
import { viewOf, type ConnectionView } from './connectionView.js';
import { Connection, SYSTEM_CLOCK, apiAt, probeWith, versionProblem, type ConnectOptions } from './connection.js';
import { FoldedSession, noChange, type SessionChange } from './fold.js';
import type { ListedEvent } from './api.js';
import { id, queryOf, type ApiResult } from './http.js';
import { CommandResults, type ClientCommandOutcome } from './commandResults.js';
import { PendingSends, type SendOutcome } from './pendingSends.js';

export interface SessionOptions extends ConnectOptions {
  sessionId: string;
  /** Events after this offset only. */
  after?: number;
  /** The last so many events only; earlier ones on demand. */
  tail?: number;
  /** What a guest, who comes by a link, wants to be called. Without one the gateway chooses. */
  name?: string;
  /** A person at a terminal writes here. */
  client?: 'terminal';
}

export interface InputOptions {
  attachments?: readonly FrameAttachment[];
  /** How it reaches an agent that is at work. Default: the runner's choice. */
  deliverAs?: DeliverAs;
  /** The sender's own id of the input: the same key is the same input, however often it is sent. Default: a new one. */
  key?: string;
}

export type SessionListener = (change: Readonly<SessionChange>) => void;
/** Told of every event of the log, once each, in order, before the change is announced. */
export type EventListener = (seq: number, event: unknown) => void;

/** Events that `loadEarlier` asks for, unless it is told otherwise. */
export const EARLIER_EVENTS = 500;
/** Events of a page of `loadWhole`: reading the text of one must not be noticed. */
const WHOLE_PAGE = 1_000;
/** How long `loadWhole` folds before others have their turn, in ms. */
const STEP_MS = 8;

/**
 * A session as one viewer sees it: folds the log, keeps the connection, sends. What it shows is in its fields; a
 * listener is told, once for every WebSocket message, which of them changed. Items of the transcript are replaced,
 * never changed in place.
 */
export class Session {
  readonly sessionId: string;
  /** What was said last by an error that answers nothing in particular. */
  problem: ErrorInfo | undefined;

  readonly #options: SessionOptions;
  readonly #fold: FoldedSession;
  readonly #connection: Connection;
  readonly #sends: PendingSends;
  readonly #results = new CommandResults();
  readonly #listeners = new Set<SessionListener>();
  readonly #eventListeners = new Set<EventListener>();
  #change = noChange();
  #batching = false;
  #earlier: Promise<ApiResult<number>> | undefined;
  #wasReset = false;
  #visible: boolean | undefined;
  /** The log that `cursor` is an offset of, and the one of the last greeting. */
  #log: string | undefined;
  #greetedLog: string | undefined;
  /** Whether the gateway of the last greeting reads keys. */
  #hasKeys = false;

  constructor(options: SessionOptions) {
    this.sessionId = options.sessionId;
    this.#options = options;
    this.#fold = new FoldedSession(options.sessionId, options.after === undefined && options.tail === undefined);
    this.#connection = new Connection(options, {
      path: `/ws/sessions/${id(options.sessionId)}${queryOf({ name: options.name, [CLIENT.query]: options.client })}`,
      onFrames: (frames) => this.#batch(() => frames.forEach((frame) => this.#frame(frame))),
      onState: (state) => this.#batch(() => this.#stateChanged(state)),
      resume: () => ({ type: 'resume', ...this.#resumeAt() }),
      probe: probeWith(options, (api) => api.session(options.sessionId)),
    });
    this.#sends = new PendingSends({
      send: (frame) => this.#connection.send(frame),
      hasKeys: () => this.#hasKeys,
      onDoubt: () => this.#batch(() => this.#doubted()),
      clock: options.clock ?? SYSTEM_CLOCK,
    });
  }

  get transcript(): Transcript {
    return this.#fold.transcript;
  }
  get meta(): SessionMetaState {
    return this.#fold.meta;
  }
  get info(): SessionInfo {
    return this.#fold.info;
  }
  /** Who else is watching. */
  get viewers(): readonly Presence[] {
    return this.#fold.viewers;
  }
  get mode(): ViewerMode {
    return this.#fold.mode;
  }

  /** A guest who may read the files of the folder of the session. */
  get mayReadFiles(): boolean {
    return this.#fold.mayReadFiles;
  }
  get connection(): ConnectionView {
    return viewOf(this.#connection.state, this.#sends.isDoubtful);
  }
  /** Offset of the last event folded. */
  get cursor(): number {
    return this.#fold.cursor;
  }
  /** Last offset when the gateway greeted us: how far a replay has to go. */
  get head(): number {
    return this.#fold.head;
  }
  /** Whether `loadEarlier` would bring anything. */
  get hasEarlier(): boolean {
    return this.#fold.hasEarlier;
  }
  /** Events that came twice. The protocol forbids it, so this stays 0. */
  get repeats(): number {
    return this.#fold.repeats;
  }

  /** Returns how to stop listening. */
  subscribe(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onEvent(listener: EventListener): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  /**
   * Sends an input, and sends it again until it is answered: after a broken connection, and while the gateway cannot
   * store it. It reaches the agent at most once.
   */
  sendInput(text: string, { attachments, deliverAs, key }: InputOptions = {}): Promise<SendOutcome> {
    return this.#sends.submit({
      type: 'input',
      text,
      ...(attachments === undefined || attachments.length === 0 ? {} : { attachments }),
      ...(deliverAs === undefined ? {} : { deliverAs }),
      ...(key === undefined ? {} : { key }),
    });
  }

  /** `abort`, `model_set`, `dialog_response` …: the names and arguments of the protocol's commands. */
  command(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<SendOutcome> {
    return this.#sends.submit({ type: 'command', name, args });
  }

  /** Resolves with what the log says first of a command: its result, or that an input has reached the agent. */
  result(commandId: string): Promise<ClientCommandOutcome> {
    return this.#results.of(commandId);
  }

  /**
   * Tells the gateway, now and on every connection to come, whether a person has this session before their eyes: what
   * they see they need not be notified of. Until this is said nobody has.
   */
  setVisible(visible: boolean): void {
    if (visible === this.#visible) return;
    this.#visible = visible;
    this.#connection.send({ type: 'visible', visible });
  }

  /** Loads up to `n` events before the first one that is here. The value is how many came. One call at a time. */
  loadEarlier(n = EARLIER_EVENTS): Promise<ApiResult<number>> {
    this.#earlier ??= this.#loadEarlier(n).finally(() => (this.#earlier = undefined));
    return this.#earlier;
  }

  /**
   * Loads every event before the first one that is here. The events are fetched page by page and folded once, in steps,
   * so that a session of any length keeps the page quick. The value is how many came.
   */
  async loadWhole(): Promise<ApiResult<number>> {
    await this.#earlier;
    this.#earlier ??= this.#loadWhole().finally(() => (this.#earlier = undefined));
    return this.#earlier;
  }

  start(): void {
    this.#connection.dispatch({ kind: 'start' });
  }

  /** The page is looked at again, or the network is back: find out at once whether the connection still holds. */
  wake(): void {
    this.#connection.dispatch({ kind: 'wake' });
  }

  networkGone(): void {
    this.#connection.dispatch({ kind: 'network_gone' });
  }

  close(): void {
    this.#connection.dispatch({ kind: 'stop' });
  }

  #resumeAt(): { after?: number; tail?: number; log?: string } {
    const { after, tail } = this.#options;
    if (this.cursor > 0) return { after: this.cursor, ...(this.#log === undefined ? {} : { log: this.#log }) };
    if (this.#wasReset) return {};
    if (tail !== undefined) return { tail };
    return after === undefined ? {} : { after };
  }

  #stateChanged(state: ConnectionState): void {
    this.#change.connection = true;
    if (state.kind === 'waiting') this.#sends.broken();
    if (state.kind === 'replaying') this.#greeted();
    if (state.kind !== 'closed') return;
    this.#sends.close(state.error ?? errorInfo('gateway_unreachable', 'This session was closed here'));
    this.#results.close();
  }

  /** The answer to something is missing: shows it, and checks the connection. */
  #doubted(): void {
    this.#change.connection = true;
    if (this.#sends.isDoubtful && isOpen(this.#connection.state)) this.wake();
  }

  #greeted(): void {
    if (this.#visible !== undefined) this.#connection.send({ type: 'visible', visible: this.#visible });
    this.#sends.flush();
  }

  #frame(value: unknown): void {
    if (!isMap(value)) return;
    const frame = value as ViewerDownFrame;
    switch (frame.type) {
      case 'event':
        return this.#event(frame.seq, frame.event);
      case 'delta':
        return this.#fold.delta(frame.delta, this.#change);
      case 'partial':
        return this.#fold.partial(frame.partial, this.#change);
      case 'hello': {
        const error = versionProblem(frame.protocol);
        if (error !== undefined) return this.#connection.dispatch({ kind: 'refused', error });
        this.#greetedLog = frame.log;
        this.#hasKeys = frame.keys === true;
        this.#log ??= frame.log;
        this.#fold.hello(frame, this.#change);
        return this.#connection.dispatch({ kind: 'greeted' });
      }
      case 'live':
        this.#fold.live(this.#change);
        return this.#connection.dispatch({ kind: 'caught_up' });
      case 'reset':
        this.#wasReset = true;
        this.#log = this.#greetedLog;
        return this.#fold.reset(this.#change);
      case 'presence':
        return this.#fold.presence(frame.viewers, this.#change);
      case 'host':
        return this.#fold.host(frame.state, this.#change);
      case 'ack':
        return this.#sends.accepted(frame.ref, frame.commandId);
      case 'error':
        return this.#error(frame);
      default:
        // `pong`, and frames of a later version: having heard them is enough.
        return;
    }
  }

  #event(seq: number, event: unknown): void {
    const isNew = seq > this.cursor;
    this.#fold.event(seq, event, this.#change);
    if (!isNew) return;
    this.#results.read(event);
    if (isMap(event) && typeof event['commandId'] === 'string') this.#sends.seen(event['commandId']);
    for (const listener of this.#eventListeners) listener(seq, event);
  }

  #error({ ref, code, message, commandId }: Extract<ViewerDownFrame, { type: 'error' }>): void {
    const named = commandId === undefined ? {} : { commandId };
    const error: ErrorInfo = { code: isErrorCode(code) ? code : 'internal', message, ...named };
    if (ref !== undefined) return this.#sends.refused(ref, error);
    this.problem = error;
    this.#change.problem = true;
  }

  async #loadEarlier(limit: number): Promise<ApiResult<number>> {
    if (!this.hasEarlier) return { kind: 'ok', status: 200, value: 0 };
    const { transcript } = this;
    const page = await apiAt(this.#connection.url, this.#options).events(this.sessionId, {
      before: this.#fold.firstLoaded,
      limit,
    });
    if (page.kind === 'failed') return page;
    // A reset meanwhile has thrown away what these would have been put in front of.
    if (transcript !== this.transcript) return { ...page, value: 0 };
    this.#batch(() => this.#fold.prepend(page.value, this.#change));
    return { ...page, value: page.value.length };
  }

  async #loadWhole(): Promise<ApiResult<number>> {
    const { transcript } = this;
    const api = apiAt(this.#connection.url, this.#options);
    let earlier: ListedEvent[] = [];
    let before = this.#fold.firstLoaded;
    while (before > this.#fold.first) {
      const page = await api.events(this.sessionId, { before, limit: WHOLE_PAGE });
      if (page.kind === 'failed') return page;
      const [first] = page.value;
      if (first === undefined) {
        // What lies before has expired, or belongs to other sessions.
        this.#fold.first = before;
        break;
      }
      earlier = [...page.value, ...earlier];
      before = first.seq;
    }
    const nothing = { kind: 'ok', status: 200, value: 0 } as const;
    const refold = transcript === this.transcript && this.hasEarlier ? this.#fold.refold(earlier) : undefined;
    if (refold === undefined) return nothing;
    while (!refold.step(dueIn(STEP_MS))) await new Promise((resolve) => setTimeout(resolve));
    // A reset meanwhile has thrown away what these would have been put in front of.
    if (transcript !== this.transcript) return nothing;
    this.#batch(() => this.#fold.adopt(refold, this.#change));
    return { ...nothing, value: earlier.length };
  }

  /** Everything that happens inside is one notification. */
  #batch(work: () => void): void {
    if (this.#batching) return work();
    this.#batching = true;
    try {
      work();
    } finally {
      this.#batching = false;
    }
    const change = this.#change;
    if (!hasChanged(change)) return;
    this.#change = noChange();
    for (const listener of this.#listeners) listener(change);
  }
}

/** Returns a function that reports whether a time has passed since now. */
function dueIn(ms: number): () => boolean {
  const end = performance.now() + ms;
  return () => performance.now() >= end;
}

function hasChanged(change: SessionChange): boolean {
  return Object.values(change).some((value) => (value instanceof Set ? value.size > 0 : Boolean(value)));
}

/** Opens a session and keeps it open until `close`. */
export function openSession(options: SessionOptions): Session {
  const session = new Session(options);
  session.start();
  return session;
}
