import {
  applyDelta,
  applyEvent,
  applyMetaEvent,
  applyPartial,
  applySessionInfo,
  createTranscript,
  defaultMetaState,
  initialSessionInfo,
  isMap,
  type Change,
  type Presence,
  type SessionInfo,
  type SessionMetaState,
  type Transcript,
  type ViewerDownFrame,
  type ViewerMode,
} from '@pizzapi/protocol';
import { DeltaBuffer, isApplicable, type BufferedDelta } from './deltaBuffer.js';
import { carryOpenMessages } from './carryOpenMessages.js';
import { Refold, type FoldableEvent } from './refold.js';

type Hello = Extract<ViewerDownFrame, { type: 'hello' }>;

/** What changed since the last notification. */
export interface SessionChange {
  /** Positions in `transcript.items` that are new or replaced. */
  items: Set<number>;
  /** `transcript` is another object: read all of it again. */
  rebuilt: boolean;
  /** How far the items that were there have moved down, when earlier ones were loaded. */
  prepended: number;
  /** Anything of the transcript beside its items: busy, queue, pending inputs, status. */
  transcript: boolean;
  meta: boolean;
  info: boolean;
  viewers: boolean;
  mode: boolean;
  connection: boolean;
  /** `problem` is new. */
  problem: boolean;
}

export function noChange(): SessionChange {
  return {
    items: new Set(),
    rebuilt: false,
    prepended: 0,
    transcript: false,
    meta: false,
    info: false,
    viewers: false,
    mode: false,
    connection: false,
    problem: false,
  };
}

/**
 * What a viewer knows of a session, folded from its frames: no socket, no clock. `hello` brings what the projections
 * know; it is shown until the log has been read up to the head, and the log is believed from then on.
 */
export class FoldedSession {
  transcript: Transcript = createTranscript();
  meta: SessionMetaState = defaultMetaState();
  info: SessionInfo;
  viewers: Presence[] = [];
  mode: ViewerMode = 'read';
  /** A guest who may read the files of the session's folder. */
  mayReadFiles = false;
  /** First offset still stored, and the last when we were greeted. */
  first = 0;
  head = 0;
  /** Events with an offset that had been seen: the protocol forbids them, so this stays 0. */
  repeats = 0;
  /** Offset of the first event that is folded here; 0 before there is one. */
  firstLoaded = 0;

  /** Everything from the first event on is folded here, or will be. */
  #fromStart: boolean;
  /** The events folded, as long as earlier ones may have to be put in front of them. */
  #kept: FoldableEvent[] = [];
  readonly #early = new DeltaBuffer();
  #greeted = false;
  #live = false;
  #foldedMeta = defaultMetaState();
  #foldedInfo: SessionInfo;

  constructor(sessionId: string, fromStart: boolean) {
    this.#fromStart = fromStart;
    this.info = this.#foldedInfo = initialSessionInfo(sessionId);
  }

  /** Offset of the last event folded: where a new connection resumes. */
  get cursor(): number {
    return this.transcript.cursor;
  }

  /** Whether the log holds events before the first one that is folded here. */
  get hasEarlier(): boolean {
    return !this.#fromStart && this.firstLoaded > this.first;
  }

  hello(frame: Hello, change: SessionChange): void {
    this.first = frame.first;
    this.head = frame.head;
    if (this.mode !== frame.mode) change.mode = true;
    this.mode = frame.mode;
    this.mayReadFiles = frame.files === true;
    change.info = true;
    if (this.#greeted) {
      this.#setHost(frame.session.host);
      return;
    }
    this.#greeted = true;
    change.meta = true;
    this.meta = frame.meta;
    this.info = frame.session;
    this.#foldedMeta = this.#fromStart ? defaultMetaState() : frame.meta;
    this.#foldedInfo = this.#fromStart
      ? { ...initialSessionInfo(frame.sessionId), ...hostOf(frame.session.host) }
      : frame.session;
  }

  event(seq: number, event: unknown, change: SessionChange): void {
    if (seq <= this.transcript.cursor) {
      this.repeats += 1;
      return;
    }
    if (this.firstLoaded === 0) this.firstLoaded = seq;
    if (!this.#fromStart && this.hasEarlier) this.#kept.push([seq, event]);
    if (isMap(event) && event['type'] === 'session_resumed') this.#early.clear();
    merge(change, applyEvent(this.transcript, seq, event));
    for (const piece of this.#early.ready(this.transcript)) this.#apply(piece, change);

    const meta = this.#versioned(seq, applyMetaEvent(this.#foldedMeta, event));
    const info = this.#counted(seq, applySessionInfo(this.#foldedInfo, event));
    if (this.#live) {
      if (meta !== this.meta) change.meta = true;
      if (info !== this.info) change.info = true;
      this.meta = meta;
      this.info = info;
    }
    this.#foldedMeta = meta;
    this.#foldedInfo = info;
  }

  delta(delta: unknown, change: SessionChange): void {
    this.#piece({ kind: 'delta', value: delta }, change);
  }

  partial(partial: unknown, change: SessionChange): void {
    this.#piece({ kind: 'partial', value: partial }, change);
  }

  /** The log has been read up to the head: from here on it is believed, not the projections. */
  live(change: SessionChange): void {
    if (this.#live) return;
    this.#live = true;
    if (this.transcript.cursor === 0) return;
    this.meta = this.#foldedMeta;
    this.info = this.#foldedInfo;
    change.meta = change.info = true;
  }

  host(state: 'connected' | 'lost', change: SessionChange): void {
    change.info = true;
    this.#setHost(state);
  }

  presence(viewers: Presence[], change: SessionChange): void {
    this.viewers = viewers;
    change.viewers = true;
  }

  /** Forgets everything that came from the log: the gateway sends it again, from the first event. */
  reset(change: SessionChange): void {
    this.transcript = createTranscript();
    this.firstLoaded = 0;
    this.#kept = [];
    this.#early.clear();
    this.#fromStart = true;
    this.#live = true;
    this.meta = this.#foldedMeta = defaultMetaState();
    this.info = this.#foldedInfo = { ...initialSessionInfo(this.info.sessionId), ...hostOf(this.info.host) };
    change.rebuilt = change.transcript = change.meta = change.info = true;
  }

  /** Puts earlier events in front, by folding everything again; what is still open is carried over. */
  prepend(earlier: readonly { seq: number; event: unknown }[], change: SessionChange): void {
    const refold = this.refold(earlier);
    if (refold !== undefined) this.adopt(refold, change);
  }

  /** Begins to fold everything again, with earlier events in front. Undefined when none of them fits in front. */
  refold(earlier: readonly { seq: number; event: unknown }[]): Refold | undefined {
    const fitting = earlier.filter(({ seq }) => seq < this.firstLoaded);
    if (fitting.length > 0)
      return new Refold(
        fitting.map(({ seq, event }) => [seq, event] as const),
        this.#kept,
      );
    // Nothing is left before what we have: the rest has expired, or another session's events lie between.
    this.first = this.firstLoaded;
    this.#kept = [];
    return undefined;
  }

  /** Shows what was folded again, with what was still to fold. What is open keeps its text. */
  adopt(refold: Refold, change: SessionChange): void {
    refold.step(() => false);
    this.#kept = [...refold.earlier, ...this.#kept];
    this.firstLoaded = this.#kept[0]![0];
    const before = this.transcript;
    const whole = refold.transcript;
    carryOpenMessages(before, whole);
    this.transcript = whole;
    change.rebuilt = change.transcript = true;
    change.prepended += shift(before, whole);
    if (!this.hasEarlier) this.#kept = [];
  }

  /** What is open may have begun before the first event that is here; only who has all of them knows better. */
  #piece(piece: BufferedDelta, change: SessionChange): void {
    const early = !isApplicable(this.transcript, piece) && (piece.kind === 'delta' || !this.hasEarlier);
    if (early || this.#early.any) this.#early.hold(piece);
    else this.#apply(piece, change);
  }

  #apply({ kind, value }: BufferedDelta, change: SessionChange): void {
    const apply = kind === 'delta' ? applyDelta : applyPartial;
    merge(change, apply(this.transcript, value));
  }

  /** The meta events of a tail are in the projection's version already. */
  #versioned(seq: number, meta: SessionMetaState): SessionMetaState {
    const known = this.#fromStart || seq > this.head || meta === this.#foldedMeta;
    return known ? meta : { ...meta, version: this.#foldedMeta.version };
  }

  /** A tail's `messages` are in the projection's count already. */
  #counted(seq: number, info: SessionInfo): SessionInfo {
    const counted = this.#fromStart || seq > this.head || info.messages === this.#foldedInfo.messages;
    return counted ? info : { ...info, messages: this.#foldedInfo.messages };
  }

  #setHost(host: SessionInfo['host']): void {
    this.info = { ...this.info, ...hostOf(host) };
    this.#foldedInfo = { ...this.#foldedInfo, ...hostOf(host) };
  }
}

function hostOf(host: SessionInfo['host']): Partial<SessionInfo> {
  return host === undefined ? {} : { host };
}

function merge(change: SessionChange, { items, state }: Change): void {
  for (const item of items) change.items.add(item);
  if (state) change.transcript = true;
}

/** How far the first item that is in both has moved down. */
function shift(before: Transcript, after: Transcript): number {
  const positions = new Map(after.items.map((item, index) => [item.id, index]));
  for (const [index, item] of before.items.entries()) {
    const now = positions.get(item.id);
    if (now !== undefined) return now - index;
  }
  return after.items.length;
}

/** The command an event answers or takes in, for whoever waits for it. */
export function commandOf(
  event: unknown,
): { commandId: string; type: string; event: Record<string, unknown> } | undefined {
  if (!isMap(event) || typeof event['commandId'] !== 'string' || typeof event['type'] !== 'string') return undefined;
  return { commandId: event['commandId'], type: event['type'], event };
}
