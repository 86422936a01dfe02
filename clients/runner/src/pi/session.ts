import { VERSION, type AgentSession } from '@mariozechner/pi-coding-agent';
import {
  errorInfo,
  guestsIn,
  newId,
  type Author,
  type CommandArgs,
  type LinkEnd,
  type SessionEvent,
  type ThinkingLevel,
} from '@pizzapi/protocol';
import { withTimeout } from '@pizzapi/process';
import { hasWords } from '../human/guestAnswers.js';
import type { LinkedCommand } from '../linked/linkedCommands.js';
import type { DialogAnswerOutcome } from './dialogs.js';
import { PersonShell } from './exec.js';
import { bindExtensions } from './extensionBindings.js';
import { forkFile } from './fork.js';
import { droppedError, GuestLeaving } from './guestLeaving.js';
import { GuestWork } from './guestWork.js';
import { historyEvents } from './sessionImport.js';
import { isCommand, serializePrompts } from './serializePrompts.js';
import { AgentInbox } from './agentInbox.js';
import { InboxDelivery } from './inboxDelivery.js';
import { continuesByItself, RunInterruption } from './runInterruption.js';
import type { InboxMessage } from './inboxEntries.js';
import { ManualCompaction } from './manualCompaction.js';
import { ModelSettings } from './modelSettings.js';
import type { SessionParts } from './parts.js';
import { SessionTrust } from './trust/sessionTrust.js';
import { InputQueue, runsAsCommand } from './inputQueue.js';
import { MessageOrigins } from './messageOrigins.js';
import { UserMessages, type UserMessageOrigin } from './userMessageOrigin.js';
import { QueueChanges } from './queueChanges.js';
import { QueueReporter } from './queueReporter.js';
import { RunEnds } from './runEnds.js';
import { RunStop } from './runStop.js';
import { listenTo } from './sessionListener.js';
import { SessionNotices } from './sessionNotices.js';
import { sessionState } from './sessionState.js';
import { Translator } from './translate.js';
import type { ExecResult, OpenOptions, Outcome, PiSession, AgentInput, PiSessionState } from './types.js';
import { messageOf } from './errorMessage.js';
import { onSettled, untilQueueIsRead } from './versions/settling.js';

/** The version of the SDK. */
export const PI_VERSION = VERSION;
/** How long a step of `dispose` waits for something that does not stop, ms. */
const STOP_WAIT_MS = 5_000;
type SessionOptions = Pick<
  OpenOptions,
  'onShutdownRequested' | 'onBug' | 'linked' | 'linkEnd' | 'continuesInterrupted' | 'isResumed'
>;

/** A session of pi behind our interface. Made by `openPiSession`. */
export class HostedPiSession implements PiSession {
  readonly cwd: string;
  readonly piVersion = PI_VERSION;
  protected readonly pi: AgentSession;
  protected readonly parts: SessionParts;
  readonly #translator: Translator;
  protected readonly prompts: InputQueue;
  readonly #origins: MessageOrigins;
  readonly #messages: UserMessages;
  readonly queue: QueueChanges;
  protected readonly queueReporter: QueueReporter;
  /** The messages that the agent may not have read yet. */
  readonly inbox: AgentInbox;
  readonly #delivery: InboxDelivery;
  protected readonly settings: ModelSettings;
  /** Which guests the agent works for. */
  readonly guests: GuestWork;
  readonly #leaving: GuestLeaving;
  readonly #options: SessionOptions;
  readonly #warnings: readonly string[];
  readonly #notices: SessionNotices;
  readonly #runEnds = new RunEnds();
  readonly #interruption: RunInterruption;
  readonly #compaction: ManualCompaction;
  readonly #shell: PersonShell;
  readonly #stop: RunStop;
  readonly #endSettling: () => void;
  /** Whether what the folder has of its own is loaded. */
  readonly trust: SessionTrust;
  #disposed = false;

  constructor(pi: AgentSession, parts: SessionParts, options: SessionOptions, warnings: readonly string[]) {
    this.pi = pi;
    this.parts = parts;
    this.#options = options;
    this.#warnings = warnings;
    this.#notices = new SessionNotices(parts, options.onBug);
    this.cwd = pi.sessionManager.getCwd();
    this.#shell = new PersonShell(pi, parts);
    this.settings = new ModelSettings(pi, parts, (event) => this.emit(event));
    this.inbox = new AgentInbox(pi.sessionManager, options.linked?.sessionId);
    this.#origins = new MessageOrigins(pi);
    this.prompts = new InputQueue({
      pi,
      inTurn: serializePrompts(pi, this.#origins),
      origins: this.#origins,
      delivered: (commandId) => {
        const isUnannounced = this.inbox.isUnannounced(commandId);
        this.inbox.consumed(commandId);
        if (!isUnannounced) this.emit({ type: 'input_delivered', at: Date.now(), commandId });
      },
      refused: (commandId) => this.inbox.consumed(commandId),
      failedLate: (what) => this.#notices.show(what, 'error'),
      drained: () => this.#runEnds.drained(),
      idle: () => untilQueueIsRead(pi, this.#runEnds.isEnding),
      changed: () => this.queueReporter.reportChange(),
      record: (isHeld, inputs) => {
        parts.settle();
        this.inbox.recordQueue(isHeld, inputs);
      },
    });
    this.#messages = new UserMessages({
      ...{ origins: this.#origins, inputs: this.prompts.inputs },
      isUnannounced: (commandId) => this.inbox.isUnannounced(commandId),
      reading: (commandId) => this.#delivery.reading(commandId),
      delivered: (commandId) => this.delivered(commandId),
      typedHere: (text) => this.typedHere(text),
    });
    this.#stop = new RunStop({ pi, parts, prompts: this.prompts, runEnds: this.#runEnds, shell: this.#shell });
    this.queueReporter = new QueueReporter(pi, this.prompts, (event) => this.emit(event));
    const { choice } = this.settings;
    this.#compaction = new ManualCompaction({ pi, prompts: this.prompts, choice, stop: () => this.#stop.all() });
    this.queue = new QueueChanges({
      ...{ prompts: this.prompts, inbox: this.inbox, emit: (event) => this.emit(event) },
      isCommand: (text, by) => runsAsCommand(pi, { text, by }),
      problem: () => choice.problem(),
      changed: () => this.guests.tell(),
    });
    this.guests = new GuestWork({
      pi,
      authorsOf: (message) => this.#messages.authorsOf(message),
      waiting: () => this.prompts.authors,
      emit: (event) => this.emit(event),
      sessionId: () => this.sessionId,
      startedBy: options.linked?.startedBy ?? [],
      onLeftover: () => void this.#stop.run().catch((error: unknown) => this.#notices.bug(error)),
    });
    this.#leaving = new GuestLeaving({
      ...{ guests: this.guests, prompts: this.prompts, inbox: this.inbox, sessionId: () => this.sessionId },
      isAtWork: () => pi.isStreaming || pi.isRetrying,
      stopRun: () => this.#stop.run(),
      emit: (event) => this.emit(event),
      warn: (text) => this.#notices.show(text, 'warning'),
    });
    this.#delivery = new InboxDelivery({
      ...{ pi, inbox: this.inbox },
      submit: (input, how) => this.#submit(input, { isPromised: true, ...how }),
      linkEnd: (by) => this.linkEnd(by),
      drop: (commandId, by, why) => this.#leaving.dropped([commandId], by, why),
      isOver: () => this.#disposed,
      emit: (event) => this.emit(event),
      showError: (text) => this.#notices.show(text, 'error'),
    });
    this.#interruption = new RunInterruption({
      pi,
      isAtWork: () => (pi.isStreaming && !this.#runEnds.isEnding) || pi.isRetrying,
      guests: () => this.guests.turn,
      canContinue: () => continuesByItself(options) && !this.#disposed && !this.hasOpenPrompt,
      submit: (input) => this.#submit(input),
      emit: (event) => this.emit(event),
      showError: (text) => this.#notices.show(text, 'error'),
    });
    this.#translator = new Translator({
      emit: (event) => parts.sink.event(event),
      pieces: parts.pieces,
      open: parts.open,
      now: () => parts.clock.now(),
      newMessageId: () => newId('m'),
      leafId: () => pi.sessionManager.getLeafId(),
      afterListeners: queueMicrotask,
      delivered: (message) => this.#messages.read(message),
      assistantEnded: () => this.settings.reportUsage(),
      isTapped: (toolCallId) => parts.tapped.has(toolCallId),
    });
    parts.settle = () => this.#translator.settle();
    listenTo(pi, {
      ...{ parts, translator: this.#translator, prompts: this.prompts, origins: this.#origins },
      ...{ queueReporter: this.queueReporter, delivery: this.#delivery, settings: this.settings },
      ...{ runEnds: this.#runEnds, guests: this.guests, notices: this.#notices },
    });
    const emit = (event: SessionEvent) => this.emit(event);
    this.trust = new SessionTrust({ pi, parts, prompts: this.prompts, notices: this.#notices, emit });
    this.#endSettling = onSettled(pi, () => this.#notices.guarded(() => this.#settled()));
  }

  /** The session that a guest's link opens: our id for it, or pi's own id where ours is not known. */
  protected get sessionId(): string {
    return this.#options.linked?.sessionId ?? this.pi.sessionManager.getSessionId();
  }

  get modes() {
    return this.parts.modes;
  }

  get sessionFile(): string | undefined {
    return this.pi.sessionFile;
  }

  model(): string {
    return this.settings.model;
  }

  thinkingLevel(): ThinkingLevel {
    return this.pi.thinkingLevel;
  }

  name(): string {
    return this.pi.sessionName ?? '';
  }

  state(): PiSessionState {
    return sessionState(this.pi, this.parts.dialogs.size, this.prompts);
  }

  openBlocks() {
    return this.parts.open.snapshot();
  }

  async start(): Promise<void> {
    const pi = this.pi;
    this.parts.live = true;
    this.settings.report();
    for (const warning of this.#warnings) this.#notices.show(warning, 'warning');
    this.trust.start();
    const unread = this.inbox.restore();
    if (this.inbox.isQueueHeld) this.prompts.holdRestored();
    this.parts.linked?.restore(pi);
    this.parts.human?.restore(pi);
    const deliver = () => unread.forEach((message) => this.deliverAgain(message));
    const { choice } = this.settings;
    const isUsable = choice.problem() === undefined;
    if (isUsable) deliver();
    try {
      const onShutdown = () => this.#options.onShutdownRequested?.();
      const onError = (text: string) => this.#notices.show(text, 'error');
      await bindExtensions(pi, this.parts, { onShutdown, onError });
    } catch (error) {
      this.#notices.show(`An extension failed to start: ${messageOf(error)}`, 'error');
    } finally {
      this.prompts.started();
    }
    await choice.whenUsable(async () => {
      if (!isUsable) deliver();
      if (unread.length === 0) await this.#interruption.continueRun();
    });
  }

  /** Delivers the answer to a prompt of an earlier process. Throws when pi refuses it. */
  deliverAnswer(text: string): Promise<void> {
    return this.#delivery.answer(text);
  }

  /** Delivers a message that an earlier process had accepted. */
  protected deliverAgain(message: InboxMessage): void {
    this.#delivery.again(message).catch((error: unknown) => this.#notices.bug(error));
  }

  /** Why the inputs of this author are not delivered any more, or undefined. May ask the backbone about their link. */
  async linkEnd(by: Author): Promise<LinkEnd | undefined> {
    const guests = guestsIn(by, this.sessionId);
    if (guests.length === 0) return undefined;
    return this.guests.endOf(by) ?? (await this.#options.linkEnd?.(guests));
  }

  submitInput(input: AgentInput): Promise<Outcome> {
    if (this.#disposed) return Promise.resolve({ kind: 'failed', error: errorInfo('session_ended') });
    const { by, text } = input;
    const ended = by === undefined ? undefined : this.guests.endOf(by);
    if (ended !== undefined) return Promise.resolve({ kind: 'failed', error: droppedError(by!, ended) });
    if (by !== undefined && this.keeps(text, by)) {
      const { commandId: id, ...message } = input;
      this.inbox.accept({ ...message, id, policy: 'untilRead' });
    }
    if (by !== undefined && isCommand(this.pi, text)) this.guests.commanded(by);
    return this.#submit(input);
  }

  /** `isPromised`: the sender has a result that says ok, so that the input outlives the end of this process. */
  async #submit(input: AgentInput, { isPromised = false, isRestored = false } = {}): Promise<Outcome> {
    const { choice } = this.settings;
    const error = choice.isOpen && !runsAsCommand(this.pi, input) ? await choice.settle() : undefined;
    if (error !== undefined && isPromised) {
      await choice.whenUsable(() => void this.#submit(input, { isPromised, isRestored }));
      return { kind: 'ok' };
    }
    const refused: Outcome | undefined = error && { kind: 'failed', error };
    const submitted = refused ?? this.prompts.prompt(input, { isRestored });
    this.guests.tell();
    const outcome = await submitted;
    if (outcome.kind === 'failed' && !(isPromised && this.#disposed)) this.inbox.consumed(input.commandId);
    this.guests.tell();
    return outcome;
  }

  guestLeft(left: CommandArgs<'guest_left'>): ReturnType<PiSession['guestLeft']> {
    return this.#leaving.leave(left);
  }

  /** Whether an input has to wait now and outlives this process. Messages of linked sessions are in the inbox already. */
  protected keeps(text: string, { via }: Author): boolean {
    const { isStreaming, isCompacting, isRetrying } = this.pi;
    const waits = isStreaming || isCompacting || isRetrying || this.prompts.isHeld;
    return via !== 'agent' && waits && !isCommand(this.pi, text);
  }

  abort({ dropFor }: { dropFor?: Author } = {}): Promise<Outcome> {
    if (dropFor !== undefined) this.queue.drop(dropFor);
    this.prompts.hold();
    this.guests.tell();
    return this.#stop.all();
  }

  setModel(name: string): Promise<Outcome<{ model: string }>> {
    return this.settings.setModel(name);
  }

  setThinkingLevel(level: ThinkingLevel): Outcome<{ level: ThinkingLevel }> {
    return this.settings.setThinkingLevel(level);
  }

  compact(instructions?: string): Promise<Outcome<{ tokensBefore: number; summary: string }>> {
    return this.#compaction.run(instructions);
  }

  setName(name: string): Outcome {
    this.pi.setSessionName(name);
    return { kind: 'ok' };
  }

  exec(command: string, toolCallId: string): Promise<Outcome<ExecResult>> {
    return this.#shell.run(command, toolCallId);
  }

  history(): SessionEvent[] {
    return historyEvents(this.pi.sessionManager.getEntries());
  }

  fork(entryId?: string): Outcome<{ sessionFile?: string; text?: string }> {
    return forkFile(this.sessionFile, this.pi.sessionManager.getLeafId(), entryId);
  }

  clearQueue() {
    this.prompts.inputs.cleared();
    return this.pi.clearQueue();
  }

  answerDialog(dialogId: string, value: unknown, by: Author): DialogAnswerOutcome {
    const { dialogs } = this.parts;
    const kind = dialogs.kindOf(dialogId);
    const isTrust = this.trust.isAsking(dialogId);
    const answer = dialogs.answer(dialogId, value, by);
    // An approval in the turn of another person does not begin a turn of its author.
    if (answer === 'resolved' && !isTrust && hasWords(kind, value)) this.guests.answered(by);
    return answer;
  }

  async fromLinked(command: LinkedCommand): Promise<Outcome> {
    return this.parts.linked?.take(command) ?? { kind: 'failed', error: errorInfo('not_linked') };
  }

  async dispose({ permanently = false }: { permanently?: boolean } = {}): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#endSettling();
    const pi = this.pi;
    if (permanently) this.inbox.close();
    else {
      this.#interruption.hostStops();
      this.parts.human?.leave();
    }
    this.parts.linked?.leave();
    this.trust.leave();
    this.prompts.close();
    this.parts.dialogs.refuse();
    this.clearQueue();
    await this.#stop.all();
    const leaving = pi.extensionRunner.emit({ type: 'session_shutdown', reason: 'quit' });
    await withTimeout(leaving, STOP_WAIT_MS).catch(() => undefined);
    this.parts.pieces.flush();
    this.#translator.settle();
    pi.dispose();
    this.parts.live = false;
    this.parts.pieces.stop();
  }

  /** The agent has come to rest: nothing follows by itself. */
  #settled(): void {
    if (this.parts.live) this.#translator.rest();
    this.guests.tell();
    this.parts.linked?.settled();
    this.trust.settled();
    if (!this.#runEnds.hasFailed) this.prompts.passStranded();
  }

  protected emit(event: SessionEvent): void {
    this.parts.emit(event);
  }

  /** The agent reads the input of a command. */
  protected delivered(_commandId: string): void {
    // For a terminal, which shows the author.
  }

  /** The origin of a message whose text was typed into pi's own terminal. */
  protected typedHere(_text: string): UserMessageOrigin | undefined {
    return undefined;
  }

  /** Whether a person is asked something, or an answer is on its way to the agent. */
  protected get hasOpenPrompt(): boolean {
    return this.parts.dialogs.size > 0 || this.parts.human?.hasPendingAnswer === true || this.inbox.hasUnreadAnswer;
  }
}
