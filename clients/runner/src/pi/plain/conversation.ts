import type { AgentSessionEvent } from '@mariozechner/pi-coding-agent';
import { newId, type SessionEvent } from '@pizzapi/protocol';
import { sleep } from '@pizzapi/process';
import { SessionParts } from '../parts.js';
import { historyEvents } from '../sessionImport.js';
import { Translator, type TranslatorDeps } from '../translate.js';
import { AttachableSink } from '../tui/attachableSink.js';
import type { PiSink } from '../types.js';
import type { BoundPi } from './boundPi.js';
import { EntryFollower, entryOfMessage } from './entries.js';
import type { PlainTimers } from './timers.js';

/** How often it is looked what pi has written into its session without an event, ms. */
const FOLLOW_EVERY_MS = 500;
/** How often, and how many times, it is looked whether pi has appended a message. */
const APPENDED_EVERY_MS = 5;
const APPENDED_TRIES = 200;
const LAST_ENTRY_TRIES = 40;

export interface ConversationDeps extends Pick<TranslatorDeps, 'delivered' | 'assistantEnded'> {
  bound: () => BoundPi | undefined;
  timers: PlainTimers;
}

type Message = Extract<AgentSessionEvent, { type: 'message_end' }>['message'];

/** The conversation of a plain pi as events of a log: its history, and what follows while a sink is open. */
export class PlainConversation {
  readonly #outlet = new AttachableSink();
  readonly #parts = new SessionParts(this.#outlet);
  readonly #translator: Translator;
  readonly #entries = new EntryFollower();
  /** The message that ended last. */
  #ended: Message | undefined;
  /** Events of the history that were in the log when the sink was closed. */
  #published = 0;
  #endFollowing: () => void = () => undefined;

  constructor(private readonly deps: ConversationDeps) {
    const parts = this.#parts;
    parts.live = true;
    this.#translator = new Translator({
      emit: (event) => parts.sink.event(event),
      pieces: parts.pieces,
      open: parts.open,
      now: () => parts.clock.now(),
      newMessageId: () => newId('m'),
      leafId: () => this.#entryOfEnded(),
      afterListeners: (settle) => this.#whenAppended(settle),
      delivered: deps.delivered,
      assistantEnded: deps.assistantEnded,
      isTapped: () => false,
    });
    parts.settle = () => this.#translator.settle();
    const bound = deps.bound();
    if (bound !== undefined) this.#entries.skip(bound.ctx.sessionManager);
  }

  get openBlocks() {
    return this.#parts.open.snapshot();
  }

  tell(event: SessionEvent): void {
    this.#parts.emit(event);
  }

  /** Translates an event that pi gives to its extensions. */
  handle(event: AgentSessionEvent): void {
    if (event.type === 'message_end') this.#ended = event.message;
    this.#translator.handle(event);
  }

  /** Puts into the log what pi has written into its session without an event. */
  follow(): void {
    const bound = this.deps.bound();
    if (bound === undefined) return;
    this.#parts.settle();
    for (const event of this.#entries.follow(bound.ctx.sessionManager)) this.tell(event);
  }

  /** The agent rests. */
  rest(): void {
    this.#translator.rest();
  }

  history(): SessionEvent[] {
    this.#parts.settle();
    const sessions = this.deps.bound()?.ctx.sessionManager;
    if (sessions === undefined) return [];
    this.#entries.skip(sessions);
    return historyEvents(sessions.getEntries());
  }

  /** The history since the sink was closed. pi only appends to it. */
  missed(): SessionEvent[] {
    return this.history().slice(this.#published);
  }

  /** Passes on what happens from now on, after what a log that begins now has to know. */
  open(sink: PiSink): void {
    const remembered = this.#outlet.memory.events();
    this.#outlet.open(sink);
    for (const event of remembered) this.tell(event);
    this.#endFollowing();
    this.#endFollowing = this.deps.timers.every(FOLLOW_EVERY_MS, () => this.follow());
  }

  async close(): Promise<void> {
    this.#endFollowing();
    // A message whose entry is not there yet would be in the log now, and among what was missed later.
    for (let n = 0; n < LAST_ENTRY_TRIES && this.#isUnwritten; n++) await sleep(APPENDED_EVERY_MS);
    this.follow();
    this.#parts.pieces.flush();
    this.#published = this.history().length;
    this.#outlet.close();
  }

  #entryOfEnded(): string | null {
    const bound = this.deps.bound();
    if (bound === undefined || this.#ended === undefined) return null;
    return entryOfMessage(bound.ctx.sessionManager, this.#ended);
  }

  get #isUnwritten(): boolean {
    return this.deps.bound() !== undefined && this.#ended !== undefined && this.#entryOfEnded() === null;
  }

  /** pi appends a message once all extensions have handled its event. */
  #whenAppended(settle: () => void): void {
    const ended = this.#ended;
    const look = (tries: number) => {
      if (this.#ended !== ended) return;
      if (tries === 0 || this.#entryOfEnded() !== null) settle();
      else this.deps.timers.after(APPENDED_EVERY_MS, () => look(tries - 1));
    };
    this.deps.timers.after(0, () => look(APPENDED_TRIES));
  }
}
