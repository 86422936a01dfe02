import type { AgentSession, ExtensionUIContext } from '@mariozechner/pi-coding-agent';
import { BoundedMap, errorInfo, guestsIn, isGuest, newId, type Author, type SessionEvent } from '@pizzapi/protocol';
import { entryOf } from '../exec.js';
import { SessionParts } from '../parts.js';
import { withContextEdits } from '../repairedHistory.js';
import { sanitizeMessage } from '../sanitizeEvent.js';
import { HostedPiSession } from '../session.js';
import { visibleText } from '../terminal/clean.js';
import { adoptThinkingLevel } from '../thinkingLevels.js';
import type { ExecResult, Outcome, PiModes, PiSession, PiSink, AgentInput } from '../types.js';
import { originOf, type UserMessageOrigin } from '../userMessageOrigin.js';
import { mirroredUi } from './mirroredUi.js';
import { AttachableSink } from './attachableSink.js';
import type { InteractiveModeScreen } from './interactiveModeHooks.js';
import { DialogQueue } from './dialogQueue.js';

/** Authors of inputs that are remembered until their message comes. */
const MAX_REMEMBERED = 64;

export interface TerminalSessionDeps {
  /** Shows who says what follows. */
  introduce: (by: Author) => void;
  /** Shows a shell command that somebody else has run here, and what it said. */
  showShell: (command: string, output: string) => void;
  onBug: (error: unknown) => void;
}

type Recorded = Parameters<AgentSession['recordBashResult']>;

/**
 * The session that pi's own terminal shows, behind the interface of a hosted one. It follows pi from the start and tells
 * nobody, until it is shared; it is pi's and not ours, so that being hosted begins and ends without it.
 */
export class TerminalSession extends HostedPiSession {
  readonly agent: AgentSession;
  /** Who sits at the terminal. */
  local: Author = { userId: 'terminal', via: 'terminal' };
  readonly #outlet: AttachableSink;
  readonly #line = new DialogQueue();
  readonly #deps: TerminalSessionDeps;
  readonly #authors = new BoundedMap<string, Author>(MAX_REMEMBERED);
  #isRunningForOthers = false;
  #sink: PiSink | undefined;
  /** What it is shared as. */
  #sid: string | undefined;
  /** Events of the history that were in the log when the sharing ended. */
  #published = 0;

  constructor(pi: AgentSession, deps: TerminalSessionDeps, outlet = new AttachableSink()) {
    const parts = new SessionParts(outlet);
    parts.live = true;
    adoptThinkingLevel(pi);
    super(withContextEdits(pi), parts, { onBug: deps.onBug }, []);
    this.agent = pi;
    this.#outlet = outlet;
    this.#deps = deps;
    this.prompts.started();
    // pi's terminal clears the queue by itself, and shows its texts to the person for editing.
    const clear = pi.clearQueue.bind(pi);
    pi.clearQueue = () => {
      this.queue.withdrawn(this.prompts.inputs.cleared(), this.local);
      return clear();
    };
    // pi tells nobody of a command that the person runs with `!`.
    const record = pi.recordBashResult.bind(pi);
    pi.recordBashResult = (...recorded: Recorded) => {
      record(...recorded);
      if (!this.#isRunningForOthers) this.#tellShell(recorded);
    };
  }

  /** What extensions get as `ctx.ui`. */
  uiFor(screen: InteractiveModeScreen): ExtensionUIContext {
    const { dialogs } = this.parts;
    return mirroredUi({ terminal: screen.ui, dialogs, line: this.#line, local: () => this.local });
  }

  /** Lets a prompt be answered by its own id. */
  get expect(): SessionParts['dialogs']['expect'] {
    return this.parts.dialogs.expect.bind(this.parts.dialogs);
  }

  /** Takes over how the modes of the session are changed: pi loads its extensions again on a reload. */
  setModes(modes: PiModes): void {
    this.parts.modes = modes;
  }

  /** Tells something that an extension of ours knows. */
  tell(event: SessionEvent): void {
    this.parts.emit(event);
  }

  setProviderUsage(usage: SessionParts['providerUsage']): void {
    this.parts.providerUsage = usage;
  }

  /** The person at the terminal continues the session: the queue of others follows. */
  typed(): void {
    this.prompts.release();
  }

  /** This session as `sid`, for who hosts it: `start()` opens the sink, `dispose()` closes it. */
  sharedTo(sink: PiSink, sid: string): PiSession {
    this.#sink = sink;
    this.#sid = sid;
    return this;
  }

  protected override get sessionId(): string {
    return this.#sid ?? super.sessionId;
  }

  override history(): SessionEvent[] {
    // A message that pi has just written down is part of the story, and must not be told once more afterwards.
    this.parts.settle();
    return super.history();
  }

  /** The history since the sharing ended. pi only appends to it. */
  missed(): SessionEvent[] {
    return this.history().slice(this.#published);
  }

  /** Says what is so now, and from here on what happens. Right after the story: nothing falls between the two. */
  override start(): Promise<void> {
    if (this.#sink === undefined) return Promise.resolve();
    const remembered = this.#outlet.memory.events();
    this.#outlet.open(this.#sink);
    for (const event of remembered) this.emit(event);
    this.settings.report();
    const at = Date.now();
    if (this.pi.isStreaming) this.emit({ type: 'agent_start', at });
    for (const { messageId, role = 'assistant' } of this.openBlocks().open) {
      this.emit({ type: 'message_start', at, messageId, role });
    }
    if (this.prompts.items.length > 0) this.queueReporter.report();
    this.parts.dialogs.repeat();
    this.guests.repeat();
    return Promise.resolve();
  }

  /** Ends the sharing; `permanently` (somebody killed the session) also what the agent does now. The terminal goes on. */
  override async dispose({ permanently = false }: { permanently?: boolean } = {}): Promise<void> {
    if (permanently) {
      this.clearQueue();
      await this.abort();
    }
    // Nobody is a guest of what is not shared.
    const guests = [...this.guests.turn, ...this.prompts.authors.flatMap((by) => guestsIn(by, this.sessionId))];
    const ids = new Map(guests.map(({ shareId, name }) => [shareId, name === undefined ? {} : { name }]));
    await Promise.all([...ids].map(([shareId, named]) => this.guestLeft({ shareId, ...named, why: 'revoked' })));
    this.parts.pieces.flush();
    this.#published = super.history().length;
    this.#outlet.close();
    this.#sink = undefined;
  }

  /** The session is not shown any more. */
  left(): void {
    this.parts.dialogs.settleAll();
  }

  override submitInput(input: AgentInput): Promise<Outcome> {
    // Whoever may write may not decide who else may. From a guest it is a text.
    const isText = input.by !== undefined && isGuest(input.by);
    if (!isText && isShareCommand(input.text)) {
      const error = errorInfo('command_failed', 'Only the person at the terminal can use /share');
      return Promise.resolve({ kind: 'failed', error });
    }
    if (input.by !== undefined) this.#authors.set(input.commandId, input.by);
    // It will be drawn here: what somebody else writes must not steer this terminal.
    return super.submitInput({ ...input, text: visibleText(input.text) });
  }

  /** Who starts pi here again goes on with the story, and not with what others had still to say. */
  protected override keeps(): boolean {
    return false;
  }

  override async exec(command: string, toolCallId: string): Promise<Outcome<ExecResult>> {
    this.#isRunningForOthers = true;
    try {
      const outcome = await super.exec(command, toolCallId);
      this.#deps.showShell(command, outcome.kind === 'ok' ? outcome.output : outcome.error.message);
      return outcome;
    } finally {
      this.#isRunningForOthers = false;
    }
  }

  /** Delivers the answers that an earlier process of this session could not; nothing else of an earlier process. */
  restoreAnswers(): void {
    for (const message of this.inbox.restore()) if (message.policy === 'resendOnce') this.deliverAgain(message);
  }

  protected override delivered(commandId: string): void {
    const by = this.#authors.get(commandId);
    this.#authors.delete(commandId);
    if (by !== undefined) this.#deps.introduce(by);
  }

  protected override typedHere(text: string): UserMessageOrigin {
    this.guests.commanded(this.local);
    const input = { commandId: newId('c'), text, by: this.local, deliverAs: 'prompt' } as const;
    this.emit({ type: 'input_received', at: Date.now(), ...input });
    return originOf(input);
  }

  #tellShell([command, result, options]: Recorded): void {
    const messageId = newId('m');
    const at = Date.now();
    const { output, exitCode, cancelled, truncated } = result;
    const message = sanitizeMessage({
      role: 'bashExecution',
      ...{ command, output, exitCode, cancelled, truncated, timestamp: at },
      ...(options?.excludeFromContext === true ? { excludeFromContext: true } : {}),
    });
    this.emit({ type: 'message_start', at, messageId, role: 'bashExecution' });
    this.emit({ type: 'message_end', at, messageId, entryId: entryOf(this.pi, command), message });
  }
}

/** Whether a text is `/share`, with or without words behind it. */
export function isShareCommand(text: string): boolean {
  return /^\/share(\s|$)/.test(text.trim());
}
