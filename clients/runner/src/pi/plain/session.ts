import type { AgentSessionEvent } from '@mariozechner/pi-coding-agent';
import {
  errorInfo,
  guestsIn,
  newId,
  type Author,
  type CommandArgs,
  type ErrorInfo,
  type LinkEnd,
  type SessionEvent,
  type ThinkingLevel,
} from '@pizzapi/protocol';
import { sleep } from '@pizzapi/process';
import type { DialogAnswerOutcome } from '../dialogs.js';
import { droppedError, GuestLeaving } from '../guestLeaving.js';
import { GuestWork } from '../guestWork.js';
import { QueueChanges } from '../queueChanges.js';
import { QueueReporter } from '../queueReporter.js';
import { authSource, type PiModel } from '../models.js';
import type { SharedAgent } from '../tui/terminal.js';
import type { AgentInput, ExecResult, Outcome, PiSession, PiSessionState, PiSink } from '../types.js';
import { isStale, type BoundPi } from './boundPi.js';
import { PlainCompaction } from './compaction.js';
import { PlainConversation } from './conversation.js';
import { isLastWord, isLive } from './entries.js';
import { PlainInputs, type Readiness } from './inputs.js';
import { PlainModel } from './model.js';
import { PlainOrigins } from './origins.js';
import { PlainTimers } from './timers.js';

/** How long an agent that was aborted may take to stop, ms, and how often it is looked. */
const STOP_WAIT_MS = 5_000;
const LOOK_EVERY_MS = 20;
/** How long after the end of a run it is looked whether another follows by itself, ms. */
const REST_AFTER_MS = 100;
export interface PlainSessionDeps {
  piVersion: string;
  /** Shows who says what follows. */
  introduce: (by: Author) => void;
  /** Shows a line in the terminal. */
  warn: (text: string) => void;
  /** Something of ours went wrong in a timer. */
  onBug: (error: unknown) => void;
}

const refused = (message: string) => ({ kind: 'failed', error: errorInfo('command_unknown', message) }) as const;

/**
 * The session of a plain pi, behind the interface of a hosted one. It knows of pi what extensions get: events, entries
 * and some functions. It follows pi from the start, and the log gets its events while it is shared.
 */
export class PlainPiSession implements PiSession, SharedAgent {
  readonly cwd: string;
  readonly piVersion: string;
  readonly modes = undefined;
  readonly queue: QueueChanges;
  readonly id: string;
  /** Who sits at the terminal. */
  local: Author = { userId: 'terminal', via: 'terminal' };
  readonly inputs: PlainInputs;
  readonly #model: PlainModel;
  readonly compaction: PlainCompaction;
  readonly #guests: GuestWork;
  readonly #leaving: GuestLeaving;
  readonly #queueReporter: QueueReporter;
  readonly #timers: PlainTimers;
  readonly #conversation: PlainConversation;
  readonly #origins: PlainOrigins;
  #given: BoundPi | undefined;
  #state: PiSessionState;
  #name: string;
  #file: string | undefined;
  /** The agent has said its last word of the run, and is not at rest yet. */
  #isEnding = false;
  #sink: PiSink | undefined;
  #sid: string | undefined;
  #endResting: () => void = () => undefined;

  constructor(bound: BoundPi, deps: PlainSessionDeps) {
    const { ctx } = bound;
    this.#given = bound;
    this.cwd = ctx.cwd;
    this.piVersion = deps.piVersion;
    this.id = ctx.sessionManager.getSessionId();
    this.#timers = new PlainTimers(deps.onBug);
    const emit = (event: SessionEvent) => this.#conversation.tell(event);
    this.#model = new PlainModel(emit);
    this.compaction = new PlainCompaction((event) => this.observe(event));
    this.inputs = new PlainInputs({
      timers: this.#timers,
      readiness: () => this.#readiness(),
      problem: () => this.#problem(),
      send: ({ images = [] }, text, deliverAs) => {
        const pictures = images.map((image) => ({ type: 'image' as const, ...image }));
        this.#bound?.pi.sendUserMessage(images.length === 0 ? text : [{ type: 'text', text }, ...pictures], {
          deliverAs,
        });
      },
      changed: () => {
        this.#queueReporter.reportChange();
        this.#guests.tell();
      },
      failedLate: (what) => deps.warn(`The input was not sent to the agent: ${what}`),
    });
    const inbox = { consumed: () => undefined };
    this.queue = new QueueChanges({
      ...{ prompts: this.inputs, inbox, emit },
      isCommand: () => false,
      problem: () => this.#problem(),
      changed: () => this.#guests.tell(),
    });
    const queues = {
      getSteeringMessages: () => this.inputs.texts('steer'),
      getFollowUpMessages: () => this.inputs.texts('followUp'),
    };
    this.#queueReporter = new QueueReporter(queues, this.inputs, emit);
    this.#guests = new GuestWork({
      pi: this,
      authorsOf: (message) => this.#origins.authorsOf(message),
      waiting: () => this.inputs.authors,
      emit,
      sessionId: () => this.#sid ?? this.id,
      startedBy: [],
      onLeftover: () => void this.#stopRun(),
    });
    this.#leaving = new GuestLeaving({
      ...{ guests: this.#guests, prompts: this.inputs, inbox, emit, sessionId: () => this.#sid ?? this.id },
      isAtWork: () => this.isStreaming,
      stopRun: () => this.#stopRun(),
      warn: (title) => {
        deps.warn(title);
        const notice = { dialogId: newId('d'), method: 'notify', title, level: 'warning' } as const;
        emit({ type: 'dialog_opened', at: Date.now(), ...notice });
      },
    });
    this.#origins = new PlainOrigins({
      ...{ inputs: this.inputs, tell: emit, introduce: deps.introduce },
      local: () => this.local,
    });
    this.#conversation = new PlainConversation({
      ...{ bound: () => this.#bound, timers: this.#timers },
      delivered: (message) => this.#origins.read(message),
      assistantEnded: () => {
        if (this.#bound !== undefined) this.#model.reportUsage(this.#bound);
      },
    });
    this.#state = this.#look(bound);
    this.#name = bound.pi.getSessionName() ?? '';
  }

  /** pi runs its extensions anew: what it gave before is not good any more. */
  bind(bound: BoundPi | undefined): void {
    if (bound === undefined) this.#state = this.state();
    this.#given = bound;
  }

  get #bound(): BoundPi | undefined {
    if (this.#given !== undefined && isStale(this.#given)) this.#given = undefined;
    return this.#given;
  }

  get isStreaming(): boolean {
    return this.#bound === undefined ? this.#state.isStreaming : !this.#bound.ctx.isIdle();
  }

  get isCompacting(): boolean {
    return this.compaction.isActive;
  }

  /** pi tells extensions nothing about the pause before it tries again. */
  readonly isRetrying = false;

  get sessionFile(): string | undefined {
    this.#file = this.#bound?.ctx.sessionManager.getSessionFile() ?? this.#file;
    return this.#file;
  }

  model(): string {
    return this.state().model;
  }

  thinkingLevel(): ThinkingLevel {
    return this.state().thinkingLevel;
  }

  name(): string {
    this.#name = this.#bound?.pi.getSessionName() ?? this.#name;
    return this.#name;
  }

  state(): PiSessionState {
    if (this.#bound !== undefined) this.#state = this.#look(this.#bound);
    return this.#state;
  }

  openBlocks() {
    return this.#conversation.openBlocks;
  }

  /** Passes on an event that pi gives to its extensions. */
  observe(event: AgentSessionEvent): void {
    const isMessage = event.type === 'message_start' || event.type === 'message_update' || event.type === 'message_end';
    if (isMessage && !isLive(event.message.role)) return;
    if (event.type !== 'message_update') this.#conversation.follow();
    if (event.type === 'agent_start') {
      this.compaction.failed('pi went on without it', false);
      this.#isEnding = false;
    }
    if (event.type === 'message_start') this.#isEnding = false;
    if (event.type === 'message_end') this.#isEnding = isLastWord(event.message);
    if (isAgentEvent(event)) this.#guests.observeAgent(event);
    this.#conversation.handle(event);
    if (event.type === 'message_end') this.#queueReporter.messageEnded();
    if (event.type === 'agent_end') {
      this.#isEnding = true;
      if (this.#bound?.ctx.hasPendingMessages() === false) this.inputs.drained();
      this.#whenAtRest();
    }
    if (event.type === 'compaction_end' && this.#bound !== undefined) this.#model.reportUsage(this.#bound);
    this.#guests.observe(event);
  }

  authSource(model: PiModel): string | null {
    return this.#bound === undefined ? null : authSource(this.#bound.ctx.modelRegistry, model);
  }

  /** Puts an event of its own into the log. */
  tell(event: SessionEvent): void {
    this.#conversation.tell(event);
  }

  sharedTo(sink: PiSink, sid: string): PiSession {
    this.#sink = sink;
    this.#sid = sid;
    return this;
  }

  history(): SessionEvent[] {
    return this.#conversation.history();
  }

  missed(): SessionEvent[] {
    return this.#conversation.missed();
  }

  start(): Promise<void> {
    if (this.#sink === undefined || this.#bound === undefined) return Promise.resolve();
    this.#conversation.open(this.#sink);
    this.#model.report(this.#bound);
    const at = Date.now();
    if (this.isStreaming) this.tell({ type: 'agent_start', at });
    for (const { messageId, role = 'assistant' } of this.openBlocks().open) {
      this.tell({ type: 'message_start', at, messageId, role });
    }
    if (this.inputs.items.length > 0) this.#queueReporter.report();
    this.#guests.repeat();
    return Promise.resolve();
  }

  /** Ends the sharing; `permanently` (the session was killed) also what the agent does now. The terminal continues. */
  async dispose({ permanently = false }: { permanently?: boolean } = {}): Promise<void> {
    if (permanently) {
      this.clearQueue();
      await this.#stopRun();
    }
    const sid = this.#sid ?? this.id;
    const guests = [...this.#guests.turn, ...this.inputs.authors.flatMap((by) => guestsIn(by, sid))];
    const ids = new Map(guests.map(({ shareId, name }) => [shareId, name === undefined ? {} : { name }]));
    await Promise.all([...ids].map(([shareId, named]) => this.guestLeft({ shareId, ...named, why: 'revoked' })));
    await this.#conversation.close();
    this.#sink = undefined;
  }

  submitInput(input: AgentInput): Promise<Outcome> {
    const { by } = input;
    const ended = by === undefined ? undefined : this.#guests.endOf(by);
    if (by !== undefined && ended !== undefined)
      return Promise.resolve({ kind: 'failed', error: droppedError(by, ended) });
    return this.inputs.submit(input);
  }

  async abort({ dropFor }: { dropFor?: Author } = {}): Promise<Outcome> {
    if (dropFor !== undefined) this.queue.drop(dropFor);
    this.inputs.hold();
    return this.#stopRun();
  }

  async setModel(model: string): Promise<Outcome<{ model: string }>> {
    if (this.#bound === undefined) return this.#away();
    const outcome = await this.#model.set(this.#bound, model);
    this.#redraw();
    return outcome;
  }

  setThinkingLevel(level: ThinkingLevel): Outcome<{ level: ThinkingLevel }> {
    if (this.#bound === undefined) return this.#away();
    const outcome = this.#model.setThinkingLevel(this.#bound, level);
    this.#redraw();
    return outcome;
  }

  async compact(instructions?: string): Promise<Outcome<{ tokensBefore: number; summary: string }>> {
    return this.#bound === undefined ? this.#away() : this.compaction.run(this.#bound.ctx, instructions);
  }

  setName(name: string): Outcome {
    if (this.#bound === undefined) return this.#away();
    this.#bound.pi.setSessionName(name);
    this.#redraw();
    this.#conversation.follow();
    return { kind: 'ok' };
  }

  exec(): Promise<Outcome<ExecResult>> {
    return Promise.resolve(refused('A plain pi runs no shell commands for the page. Use the terminal of `pizzapi`.'));
  }

  fork(): Outcome<{ sessionFile?: string; text?: string }> {
    return refused('Fork a session of a terminal there, with /fork.');
  }

  clearQueue() {
    const dropped = this.inputs.clear();
    this.queue.withdrawn(dropped, this.local);
    return { steering: dropped.map(({ text }) => text), followUp: [] };
  }

  answerDialog(): DialogAnswerOutcome {
    return 'unknown';
  }

  guestLeft(left: CommandArgs<'guest_left'>): Promise<Outcome<{ stopped: boolean; dropped: number }>> {
    return this.#leaving.leave(left);
  }

  linkEnd(by: Author): Promise<LinkEnd | undefined> {
    return Promise.resolve(this.#guests.endOf(by));
  }

  fromLinked(): Promise<Outcome> {
    return Promise.resolve({ kind: 'failed', error: errorInfo('not_linked') });
  }

  /** pi draws its footer anew for a status only. */
  #redraw(): void {
    this.#bound?.ctx.ui.setStatus('pizzapi.redraw', undefined);
  }

  #away(): { kind: 'failed'; error: ErrorInfo } {
    return { kind: 'failed', error: errorInfo('command_failed', 'pi loads its extensions again. Try again.') };
  }

  #look(bound: BoundPi): PiSessionState {
    return {
      ...{ isStreaming: !bound.ctx.isIdle(), isCompacting: this.isCompacting, isRetrying: false, isBashRunning: false },
      queue: { steering: this.inputs.texts('steer'), followUp: this.inputs.texts('followUp') },
      openDialogs: 0,
      ...this.#model.state(bound),
    };
  }

  #readiness(): Readiness {
    if (this.#bound === undefined || this.isCompacting) return 'wait';
    if (!this.isStreaming) return 'rest';
    return this.#isEnding ? 'wait' : 'run';
  }

  #problem(): ErrorInfo | undefined {
    return this.#bound === undefined ? undefined : this.#model.problem(this.#bound);
  }

  /** Reports whose work the agent does, once it rests or has begun another run. */
  #whenAtRest(): void {
    this.#endResting();
    this.#endResting = this.#timers.after(REST_AFTER_MS, () => {
      if (this.isStreaming && this.#isEnding) return this.#whenAtRest();
      if (!this.isStreaming) this.#conversation.rest();
      this.#guests.tell();
    });
  }

  async #stopRun(): Promise<Outcome> {
    this.#bound?.ctx.abort();
    for (const until = Date.now() + STOP_WAIT_MS; this.isStreaming && Date.now() < until;) await sleep(LOOK_EVERY_MS);
    if (!this.isStreaming) return { kind: 'ok' };
    return { kind: 'failed', error: errorInfo('command_failed', 'The agent does not stop') };
  }
}

type AgentEvent = Parameters<GuestWork['observeAgent']>[0];

const AGENT_EVENTS: ReadonlySet<string> = new Set(['agent_start', 'agent_end', 'message_start']);
const isAgentEvent = (event: AgentSessionEvent): event is AgentSessionEvent & AgentEvent =>
  AGENT_EVENTS.has(event.type);
