import {
  CodedError,
  errorInfo,
  guestCommandProblem,
  isGuest,
  linkEndText,
  rightOf,
  toErrorInfo,
  type Author,
  type Command,
  type CommandName,
  type CommandOf,
  type ErrorInfo,
  type LinkMode,
  type SessionEvent,
} from '@pizzapi/protocol';
import { SerialQueue } from '@pizzapi/process';
import type { WorkerCommandOutcome } from '../ipc/messages.js';
import type { LinkedCommand } from '../linked/linkedCommands.js';
import type { DialogAnswerOutcome, Outcome, PiModes, PiSession } from '../pi/index.js';
import { withAttachments, type ReadBlob } from './attachments.js';

/** What the commands of one session act on. */
export interface CommandContext {
  pi: PiSession;
  emit: (event: SessionEvent) => void;
  attachmentsDir: string;
  readBlob: ReadBlob;
  /** The session that started this one. */
  parentSessionId?: string | undefined;
  /** What the link of a guest of this session allows now. May ask the backbone. */
  linkMode: (by: Author) => Promise<LinkMode>;
}

type Handlers = {
  [N in CommandName]?: (command: CommandOf<N>, context: CommandContext) => Promise<WorkerCommandOutcome>;
};

const OK: WorkerCommandOutcome = { ok: true };
const failed = (error: ErrorInfo): WorkerCommandOutcome => ({ ok: false, error });

/** The adapter's outcome as a command's. */
function outcomeOf(outcome: Outcome): WorkerCommandOutcome {
  if (outcome.kind === 'failed') return failed(outcome.error);
  const { kind: _kind, ...result } = outcome;
  return Object.keys(result).length === 0 ? OK : { ok: true, result };
}

const DIALOG_ERRORS: Record<Exclude<Extract<DialogAnswerOutcome, string>, 'resolved'>, ErrorInfo> = {
  late: errorInfo('dialog_late'),
  invalid: errorInfo('dialog_invalid_answer'),
  unknown: errorInfo('dialog_unknown'),
};

/** Changes a mode of a session, where the session has modes. */
function changeModes({ pi }: CommandContext, change: (modes: PiModes) => void): WorkerCommandOutcome {
  if (pi.modes === undefined) return failed(errorInfo('command_failed', 'The tools for modes are off on this runner'));
  change(pi.modes);
  return OK;
}

/** What only another session says, through the process manager: nobody else may say it in its name. */
async function fromLinked(command: LinkedCommand, { pi }: CommandContext): Promise<WorkerCommandOutcome> {
  if (command.by.via !== 'agent') return failed(errorInfo('forbidden', 'Only a linked session can send this command'));
  return outcomeOf(await pi.fromLinked(command));
}

/**
 * What each command does to a session. An input is answered once the agent has it in hand: `input_received` is in the
 * log before, `input_delivered` follows when the agent reads it. `abort`, `compact` and `exec` are answered when over.
 */
const HANDLERS: Handlers = {
  async input(command, { pi, emit, attachmentsDir, readBlob, parentSessionId }) {
    const { commandId, by, args } = command;
    const { text, deliverAs = 'prompt', attachments = [] } = args;
    if (text.trim() === '' && attachments.length === 0) return failed(errorInfo('input_empty'));
    const content = await withAttachments(text, attachments, attachmentsDir, readBlob);
    const count = attachments.length === 0 ? {} : { attachments: attachments.length };
    // Another session gives an input only when it starts this one.
    const parent = parentSessionId === undefined ? {} : { sessionId: parentSessionId };
    const about = by.via === 'agent' ? { about: { kind: 'task', ...parent } as const } : {};
    emit({ type: 'input_received', at: Date.now(), commandId, text, by, deliverAs, ...count, ...about });
    const images = content.images.length === 0 ? {} : { images: content.images };
    const notes = content.notes === '' ? {} : { notes: content.notes };
    return outcomeOf(
      await pi.submitInput({ commandId, text: content.text, by, deliverAs, ...images, ...notes, ...about }),
    );
  },
  async abort({ args, by }, { pi }) {
    return outcomeOf(await pi.abort(args.queue === 'drop' ? { dropFor: by } : {}));
  },
  async queue_edit({ args, by }, { pi }) {
    return outcomeOf(pi.queue.edit(args.inputId, args.text, by));
  },
  async queue_remove({ args, by }, { pi }) {
    return outcomeOf(pi.queue.remove(args.inputId, by));
  },
  async queue_move({ args, by }, { pi }) {
    return outcomeOf(pi.queue.move(args.inputId, args.before, by));
  },
  async queue_send_now({ args, by }, { pi }) {
    return outcomeOf(pi.queue.sendNow(args.inputId, by));
  },
  async model_set({ args }, { pi }) {
    return outcomeOf(await pi.setModel(args.model));
  },
  async set_thinking_level({ args }, { pi }) {
    return outcomeOf(pi.setThinkingLevel(args.level));
  },
  async compact({ args }, { pi }) {
    return outcomeOf(await pi.compact(args.instructions));
  },
  async exec({ commandId, args }, { pi }) {
    return outcomeOf(await pi.exec(args.command, commandId));
  },
  async set_name({ args }, { pi }) {
    return outcomeOf(pi.setName(args.name));
  },
  async set_plan_mode({ args }, context) {
    return changeModes(context, (modes) => modes.setPlanMode(args.enabled));
  },
  async set_approvals({ args }, context) {
    return changeModes(context, (modes) => modes.setApprovals(args.mode));
  },
  async set_goal({ args }, context) {
    return changeModes(context, (modes) => modes.setGoal(args.goal));
  },
  async dialog_response({ args, by }, { pi }) {
    const answer = pi.answerDialog(args.dialogId, args.value, by);
    if (typeof answer !== 'string') return failed(answer.forbidden);
    return answer === 'resolved' ? OK : failed(DIALOG_ERRORS[answer]);
  },
  async trigger_response(command, { pi }) {
    return outcomeOf(await pi.fromLinked(command));
  },
  async session_message(command, { pi }) {
    return outcomeOf(await pi.fromLinked(command));
  },
  async guest_left({ args, by }, { pi }) {
    if (by.via !== 'system') return failed(errorInfo('forbidden', 'Only PizzaPi can send this command'));
    return outcomeOf(await pi.guestLeft(args));
  },
  session_trigger: fromLinked,
  trigger_closed: fromLinked,
  session_unlinked: fromLinked,
  link_receipt: fromLinked,
  async attach_session(_command, { pi }) {
    const { models: _models, ...state } = pi.state();
    return { ok: true, result: state };
  },
};

/** A guest's command that comes within so long, in ms, is as the gateway has let it through. */
const FRESH_MS = 5_000;

/** Commands whose order matters to each other: the next begins when the one before has begun its effect. */
const IN_ORDER: readonly CommandName[] = ['input', 'session_message', 'session_trigger', 'model_set'];

/** Executes the commands of a session: inputs in their order, every other command at once. */
export class CommandExecutor {
  private readonly orderedQueue = new SerialQueue();

  constructor(private readonly context: CommandContext) {}

  /** Never rejects: a bug is an outcome too, `internal`. */
  run(command: Command): Promise<WorkerCommandOutcome> {
    if (!IN_ORDER.includes(command.name)) return this.carryOut(command);
    return this.orderedQueue.run(() => this.carryOut(command));
  }

  private async carryOut(command: Command): Promise<WorkerCommandOutcome> {
    const handler = HANDLERS[command.name] as
      ((command: Command, context: CommandContext) => Promise<WorkerCommandOutcome>) | undefined;
    if (handler === undefined)
      return failed(errorInfo('command_unknown', `A session has no command "${command.name}"`));
    try {
      const checked = isGuest(command.by) ? await this.checked(command) : { command };
      return 'error' in checked ? failed(checked.error) : await handler(checked.command, this.context);
    } catch (error) {
      return failed(codedOr(error));
    }
  }

  /**
   * A guest's command as their link allows it now, or why it does not. The gateway has asked the same before it sent it:
   * what has waited for its host since is asked once more.
   */
  private async checked(command: Command): Promise<{ command: Command } | { error: ErrorInfo }> {
    const { by, name, at } = command;
    const problem = guestCommandProblem(name);
    if (problem !== undefined) return { error: problem };
    const mode = Date.now() - at > FRESH_MS ? await this.context.linkMode(by) : rightOf(by);
    if (mode === 'approve' || mode === 'write') return { command };
    if (mode !== 'collab') return { error: errorInfo('link_ended', linkEndText(by, mode)) };
    const { right: _right, ...writer } = by;
    return { command: { ...command, by: writer } };
  }
}

function codedOr(error: unknown): ErrorInfo {
  if (error instanceof CodedError) return toErrorInfo(error);
  return errorInfo('command_failed', error instanceof Error ? error.message : String(error));
}
