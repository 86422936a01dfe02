import { VERSION, type AgentSession, type AgentSessionEvent } from '@mariozechner/pi-coding-agent';
import {
  errorInfo,
  guestsIn,
  newId,
  THINKING_LEVELS,
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
import { runShell } from './exec.js';
import { forkFile } from './fork.js';
import { droppedError, GuestLeaving } from './guestLeaving.js';
import { GuestWork } from './guestWork.js';
import { historyEvents } from './sessionImport.js';
import { isCommand, serializePrompts } from './serializePrompts.js';
import { AgentInbox } from './agentInbox.js';
import { receivedEvent, type InboxMessage } from './inboxEntries.js';
import { authSource, findModel, modelName, toMetaModel, toRunnerModel, type PiModel } from './models.js';
import type { SessionParts } from './parts.js';
import { InputQueue } from './inputQueue.js';
import { Translator } from './translate.js';
import type { ExecResult, OpenOptions, Outcome, PiSession, AgentInput, PiSessionState } from './types.js';
import { createUiContext } from './uiContext.js';
import { UsageMeter } from './usage.js';
import { messageOf } from './errorMessage.js';

/** The version of the SDK. */
export const PI_VERSION = VERSION;
/** How long `abort` and each step of `dispose` wait for something that does not stop, ms. */
const STOP_WAIT_MS = 5_000;
/** How long events that pi still has in its own queue are waited for, ms. */
const DRAIN_WAIT_MS = 2_000;
/** The wait between two looks at pi's event queue, ms. */
const DRAIN_POLL_MS = 5;

type SessionOptions = Pick<OpenOptions, 'onShutdownRequested' | 'onBug' | 'linked' | 'linkEnd'>;

/** A session of pi behind our interface. Made by `openPiSession`. */
export class HostedPiSession implements PiSession {
  readonly cwd: string;
  readonly piVersion = PI_VERSION;
  protected readonly pi: AgentSession;
  protected readonly parts: SessionParts;
  readonly #translator: Translator;
  protected readonly prompts: InputQueue;
  /** The messages that the agent may not have read yet. */
  readonly inbox: AgentInbox;
  /** The message that pi is storing now, as which the agent reads it. */
  #reading: string | undefined;
  readonly #usage = new UsageMeter();
  /** Which guests the agent works for. */
  readonly guests: GuestWork;
  readonly #leaving: GuestLeaving;
  readonly #options: SessionOptions;
  readonly #warnings: readonly string[];
  /** Runs that pi's agent has ended, and those whose end has come through pi's event queue to us. */
  readonly #ends = { raw: 0, seen: 0 };
  /** The shell command of a person that is running. */
  #shell: Promise<unknown> | undefined;
  #disposed = false;

  constructor(pi: AgentSession, parts: SessionParts, options: SessionOptions, warnings: readonly string[]) {
    this.pi = pi;
    this.parts = parts;
    this.#options = options;
    this.#warnings = warnings;
    this.cwd = pi.sessionManager.getCwd();
    for (const entry of pi.sessionManager.getEntries()) if (entry.type === 'message') this.#usage.add(entry.message);
    this.inbox = new AgentInbox(pi.sessionManager, options.linked?.sessionId);
    this.prompts = new InputQueue({
      pi,
      inTurn: serializePrompts(pi),
      delivered: (commandId) => {
        const isUnannounced = this.inbox.isUnannounced(commandId);
        this.inbox.consumed(commandId);
        if (!isUnannounced) this.emit({ type: 'input_delivered', at: Date.now(), commandId });
      },
      refused: (commandId) => this.inbox.consumed(commandId),
      failedLate: (what) => this.#notify(what, 'error'),
      drained: () => this.#drained(),
    });
    this.guests = new GuestWork({
      pi,
      authorsOf: (text) => this.prompts.inputs.authorsOf(text),
      waiting: () => this.prompts.authors,
      emit: (event) => this.emit(event),
      sessionId: () => this.sessionId,
      startedBy: options.linked?.startedBy ?? [],
      onLeftover: () => void this.#stopRun().catch((error: unknown) => this.#bug(error)),
    });
    this.#leaving = new GuestLeaving({
      ...{ guests: this.guests, prompts: this.prompts, inbox: this.inbox, sessionId: () => this.sessionId },
      isAtWork: () => pi.isStreaming || pi.isRetrying,
      stopRun: () => this.#stopRun(),
      emit: (event) => this.emit(event),
      warn: (text) => this.#notify(text, 'warning'),
    });
    this.#translator = new Translator({
      emit: (event) => parts.sink.event(event),
      pieces: parts.pieces,
      open: parts.open,
      now: () => parts.clock.now(),
      newMessageId: () => newId('m'),
      leafId: () => pi.sessionManager.getLeafId(),
      afterListeners: queueMicrotask,
      delivered: (text) => this.#delivered(text),
      assistantEnded: (message) => {
        this.#usage.add(message);
        this.#reportUsage();
      },
      isTapped: (toolCallId) => parts.tapped.has(toolCallId),
    });
    parts.settle = () => this.#translator.settle();
    pi.agent.subscribe((event) => {
      if (event.type === 'agent_end') this.#ends.raw++;
      this.#guarded(() => this.guests.observeAgent(event));
    });
    pi.subscribe((event) => this.#onEvent(event));
  }

  /** The session that a guest's link opens: ours, or pi's own where nobody said. */
  protected get sessionId(): string {
    return this.#options.linked?.sessionId ?? this.pi.sessionManager.getSessionId();
  }

  get sessionFile(): string | undefined {
    return this.pi.sessionFile;
  }

  model(): string {
    return this.pi.model === undefined ? '' : modelName(this.pi.model);
  }

  thinkingLevel(): ThinkingLevel {
    return this.pi.thinkingLevel;
  }

  name(): string {
    return this.pi.sessionName ?? '';
  }

  state(): PiSessionState {
    const pi = this.pi;
    return {
      isStreaming: pi.isStreaming,
      isCompacting: pi.isCompacting,
      isRetrying: pi.isRetrying,
      isBashRunning: pi.isBashRunning,
      queue: { steering: [...pi.getSteeringMessages()], followUp: [...pi.getFollowUpMessages()] },
      openDialogs: this.parts.dialogs.size,
      model: this.model(),
      thinkingLevel: pi.thinkingLevel,
      thinkingLevels: pi.getAvailableThinkingLevels(),
      models: pi.modelRegistry.getAvailable().map((model) => toRunnerModel(model, true)),
    };
  }

  openBlocks() {
    return this.parts.open.snapshot();
  }

  async start(): Promise<void> {
    const pi = this.pi;
    this.parts.live = true;
    this.tellSettings();
    for (const warning of this.#warnings) this.#notify(warning, 'warning');
    const unread = this.inbox.restore();
    this.parts.linked?.restore(pi);
    this.parts.human?.restore(pi);
    for (const message of unread) this.deliverAgain(message);
    try {
      await pi.bindExtensions({
        uiContext: createUiContext(this.parts.dialogs),
        // One session is one log: an extension may move within its tree, not swap it for another.
        commandContextActions: {
          waitForIdle: () => pi.agent.waitForIdle(),
          newSession: async () => ({ cancelled: true }),
          fork: async () => ({ cancelled: true }),
          switchSession: async () => ({ cancelled: true }),
          navigateTree: async (targetId, options) => {
            const { cancelled } = await pi.navigateTree(targetId, options);
            return { cancelled };
          },
          reload: () => pi.reload(),
        },
        shutdownHandler: () => this.#options.onShutdownRequested?.(),
        onError: ({ extensionPath, error }) => this.#notify(`${extensionPath}: ${error}`, 'error'),
      });
    } catch (error) {
      this.#notify(`An extension failed to start: ${messageOf(error)}`, 'error');
    } finally {
      this.prompts.started();
    }
  }

  /** Delivers a message that an earlier process had accepted. */
  protected deliverAgain(message: InboxMessage): void {
    const { id, by } = message;
    if (by !== undefined) this.emit(receivedEvent(id, { ...message, by }));
    this.#restored(message).catch((error: unknown) => this.#bug(error));
  }

  /** Delivers what an earlier process had accepted, unless the link of its guest has ended since. */
  async #restored({ id: commandId, policy: _policy, ...message }: InboxMessage): Promise<void> {
    const { by } = message;
    const ended = by === undefined ? undefined : await this.linkEnd(by);
    if (this.#disposed) return;
    if (by !== undefined && ended !== undefined) return this.#leaving.dropped([commandId], by, ended);
    const outcome = await this.#submit({ commandId, ...message }, { isPromised: true });
    if (outcome.kind === 'failed') this.#notify(`Not delivered: ${outcome.error.message}`, 'error');
  }

  /** Delivers the answer to a prompt of an earlier process. Throws when pi refuses it. */
  async deliverAnswer(text: string): Promise<void> {
    const id = newId('l');
    this.inbox.accept({ id, text, policy: 'resendOnce', deliverAs: 'followUp' });
    const outcome = await this.#submit({ commandId: id, text, deliverAs: 'followUp' }, { isPromised: true });
    if (outcome.kind === 'failed') throw new Error(outcome.error.message);
  }

  /** Why what this author said is not wanted any more, or undefined: asked of whoever knows their link. */
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

  /** `isPromised`: the sender was told that the input is taken, so that it outlives the end of this process. */
  async #submit(input: AgentInput, { isPromised = false } = {}): Promise<Outcome> {
    const submitted = this.prompts.prompt(input);
    this.guests.tell();
    const outcome = await submitted;
    if (outcome.kind === 'failed' && !(isPromised && this.#disposed)) this.inbox.consumed(input.commandId);
    this.guests.tell();
    return outcome;
  }

  guestLeft(left: CommandArgs<'guest_left'>): ReturnType<PiSession['guestLeft']> {
    return this.#leaving.leave(left);
  }

  /** Stops the run of the agent, and nothing else; then the agent goes on with what others have sent. */
  async #stopRun(): Promise<Outcome> {
    const release = this.parts.dialogs.refuse();
    const stopped = await this.#within(this.pi.abort().finally(release));
    if (stopped.kind === 'ok') this.prompts.goOn();
    return stopped;
  }

  /** Whether an input has to wait now and outlives this process. Messages of linked sessions are in the inbox already. */
  protected keeps(text: string, { via }: Author): boolean {
    const { isStreaming, isCompacting, isRetrying } = this.pi;
    return via !== 'agent' && (isStreaming || isCompacting || isRetrying) && !isCommand(this.pi, text);
  }

  async abort(): Promise<Outcome> {
    const pi = this.pi;
    // pi waits for the tool, the tool for its question: without an answer that would be for ever.
    const release = this.parts.dialogs.refuse();
    pi.abortCompaction();
    pi.abortBranchSummary();
    pi.abortBash();
    return this.#within(Promise.all([pi.abort(), this.#shell]).finally(release));
  }

  /** What is stopping may take a while, and not for ever. */
  async #within(stopping: Promise<unknown>): Promise<Outcome> {
    const done = await withTimeout(
      stopping.then(
        () => true,
        () => false,
      ),
      STOP_WAIT_MS,
    );
    if (done !== true) return { kind: 'failed', error: errorInfo('command_failed', 'A tool does not stop yet') };
    await this.#drained();
    return { kind: 'ok' };
  }

  async setModel(name: string): Promise<Outcome<{ model: string }>> {
    const { modelRegistry } = this.pi;
    const model = findModel(modelRegistry, name);
    if (model === undefined)
      return { kind: 'failed', error: errorInfo('model_unknown', `There is no model "${name}"`) };
    if (!modelRegistry.hasConfiguredAuth(model)) {
      return { kind: 'failed', error: errorInfo('model_unauthenticated', `There is no key for "${name}"`) };
    }
    await this.pi.setModel(model);
    return { kind: 'ok', model: name };
  }

  setThinkingLevel(level: ThinkingLevel): Outcome<{ level: ThinkingLevel }> {
    if (!THINKING_LEVELS.includes(level)) {
      return { kind: 'failed', error: errorInfo('command_invalid', `There is no thinking level "${level}"`) };
    }
    this.pi.setThinkingLevel(level);
    return { kind: 'ok', level: this.pi.thinkingLevel };
  }

  async compact(instructions?: string): Promise<Outcome<{ tokensBefore: number; summary: string }>> {
    // pi stops listening to its agent before it aborts it: an answer cut off by that would never end in the log.
    if (this.pi.isStreaming || this.pi.isRetrying) {
      const aborted = await this.abort();
      if (aborted.kind === 'failed') return aborted;
    }
    try {
      const { tokensBefore, summary } = await this.pi.compact(instructions);
      return { kind: 'ok', tokensBefore, summary };
    } catch (error) {
      return { kind: 'failed', error: errorInfo('command_failed', messageOf(error)) };
    }
  }

  setName(name: string): Outcome {
    this.pi.setSessionName(name);
    return { kind: 'ok' };
  }

  exec(command: string, toolCallId: string): Promise<Outcome<ExecResult>> {
    if (this.#shell !== undefined) {
      const error = errorInfo('command_failed', 'Another shell command is still running');
      return Promise.resolve({ kind: 'failed', error });
    }
    const shell = runShell(this.pi, this.parts, command, toolCallId).finally(() => (this.#shell = undefined));
    this.#shell = shell;
    return shell;
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
    const answer = dialogs.answer(dialogId, value, by);
    // Who lets the agent do what it wants to in somebody else's turn has not begun it.
    if (answer === 'resolved' && hasWords(kind, value)) this.guests.answered(by);
    return answer;
  }

  async fromLinked(command: LinkedCommand): Promise<Outcome> {
    return this.parts.linked?.take(command) ?? { kind: 'failed', error: errorInfo('not_linked') };
  }

  async dispose({ permanently = false }: { permanently?: boolean } = {}): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.guests.stop();
    const pi = this.pi;
    if (permanently) this.inbox.close();
    else this.parts.human?.leave();
    this.parts.linked?.leave();
    this.prompts.close();
    this.parts.dialogs.refuse();
    this.clearQueue();
    await this.abort();
    const leaving = pi.extensionRunner.emit({ type: 'session_shutdown', reason: 'quit' });
    await withTimeout(leaving, STOP_WAIT_MS).catch(() => undefined);
    this.parts.pieces.flush();
    this.#translator.settle();
    pi.dispose();
    this.parts.live = false;
    this.parts.pieces.stop();
  }

  protected emit(event: SessionEvent): void {
    this.parts.emit(event);
  }

  /** The command that a user's message came from, if it came from one that viewers were told of. */
  #delivered(text: string): string | undefined {
    const commandId = this.prompts.inputs.delivered(text);
    this.#reading = commandId;
    if (commandId === undefined) return this.typedHere(text);
    this.delivered(commandId);
    return this.inbox.isUnannounced(commandId) ? undefined : commandId;
  }

  /** The agent reads the input of a command. */
  protected delivered(_commandId: string): void {
    // For a terminal, which shows the author.
  }

  /** The command that stands for a text which came to pi without one. */
  protected typedHere(_text: string): string | undefined {
    return undefined;
  }

  /** Records that the agent has read a message, once pi has stored it: a process that dies before delivers it again. */
  #recordRead(): void {
    const id = this.#reading;
    this.#reading = undefined;
    if (id !== undefined) this.inbox.consumed(id, this.pi.sessionManager.getLeafId());
  }

  /** Says which model, thinking level and login the session has now, and what it has used. */
  protected tellSettings(): void {
    const { pi } = this;
    const at = Date.now();
    const model = pi.model as PiModel | undefined;
    this.emit({ type: 'model_changed', at, model: model === undefined ? null : toMetaModel(model) });
    this.emit({ type: 'thinking_level_changed', at, level: pi.thinkingLevel });
    const source = model === undefined ? null : authSource(pi.modelRegistry, model);
    this.emit({ type: 'auth_source_changed', at, source });
    this.#reportUsage();
  }

  #notify(title: string, level: 'info' | 'warning' | 'error'): void {
    this.parts.dialogs.tell({ method: 'notify', title, level });
  }

  #reportUsage(): void {
    const tokenUsage = this.#usage.read(this.pi.getContextUsage());
    const { providerUsage } = this.parts;
    const said = providerUsage === undefined ? {} : { providerUsage };
    this.emit({ type: 'token_usage_updated', at: Date.now(), tokenUsage, ...said });
  }

  /** pi's listener. Nothing may escape from here: pi would skip writing the entry it tells us of. */
  #onEvent(event: AgentSessionEvent): void {
    this.#guarded(() => {
      if (event.type === 'queue_update') this.prompts.inputs.queueChanged(event.steering, event.followUp);
      if (event.type === 'compaction_start') this.prompts.compacting(true);
      if (event.type === 'message_end' && event.message.role === 'user') queueMicrotask(() => this.#recordRead());
      if (this.parts.live) this.#translator.handle(event);
      if (event.type === 'tool_execution_end') {
        this.parts.tapped.delete(event.toolCallId);
        this.parts.readOnlyCalls.delete(event.toolCallId);
      }
      if (event.type === 'compaction_end') {
        this.prompts.compacting(false);
        this.#reportUsage();
      }
      if (event.type === 'agent_end') this.#ends.seen++;
      this.guests.observe(event);
    });
  }

  #guarded(listen: () => void): void {
    try {
      listen();
    } catch (error) {
      this.#bug(error);
    }
  }

  #bug(error: unknown): void {
    const { onBug } = this.#options;
    if (onBug === undefined) console.error(error);
    else onBug(error);
  }

  /**
   * Waits until what pi's agent has ended is in the log: pi queues its events, and an idle agent may have some left.
   * Bounded; a run whose end never comes (pi does not listen during a compaction) is given up.
   */
  async #drained(): Promise<void> {
    const until = Date.now() + DRAIN_WAIT_MS;
    while (this.#ends.seen < this.#ends.raw && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    this.#ends.seen = Math.max(this.#ends.seen, this.#ends.raw);
  }
}
