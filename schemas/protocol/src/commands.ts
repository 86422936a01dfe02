import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { errorInfo, type ErrorInfo } from './codedError.js';
import { Author, LINK_OUTCOMES } from './events.js';
import { LINK_ENDS } from './guests.js';
import { ID_PATTERN } from './ids.js';
import { isMap } from './json.js';
import { BlobRef } from './messages.js';
import { APPROVAL_MODES, GoalRequest } from './modes.js';
import { PiOptions } from './piOptions.js';
import { NewWorktree } from './runnerRpc/gitShapes.js';

/** The commands that people and programs send to a runner on `runner.<rid>.cmd`. Each takes effect at most once. */
const Id = Type.String({ pattern: ID_PATTERN });
const Text = Type.String();
const Optional = Type.Optional;

/** How long a command waits for its runner before it expires. */
export const COMMAND_TTL_MS = 10 * 60_000;

export const DELIVER_AS = ['prompt', 'steer', 'followUp'] as const;
export type DeliverAs = (typeof DELIVER_AS)[number];

/** What a stop does with the queue. */
export const QUEUE_ON_STOP = ['keep', 'drop'] as const;
export type QueueOnStop = (typeof QUEUE_ON_STOP)[number];

export const THINKING_LEVELS = ['off', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type ThinkingLevel = (typeof THINKING_LEVELS)[number];

/** The names of the original protocol for what an attachment has. `attachmentId` is the blob, `filename` the name. */
export const OriginalAttachmentFields = {
  attachmentId: Optional(BlobRef.properties.blob),
  filename: Optional(Text),
  url: Optional(Text),
} as const;

/** A file that was sent with an input and is stored as a blob. */
export const Attachment = Type.Object({ name: Optional(Text), ...BlobRef.properties, ...OriginalAttachmentFields });
export type Attachment = Static<typeof Attachment>;

const Attachments = Optional(Type.Array(Attachment, { maxItems: 16 }));

/** The arguments of each command. */
export const COMMAND_ARGS = {
  new_session: Type.Object({
    sessionId: Id,
    cwd: Optional(Text),
    prompt: Optional(Text),
    model: Optional(Text),
    name: Optional(Text),
    thinkingLevel: Optional(Type.Enum([...THINKING_LEVELS])),
    /** A pi session file on the runner, which the new session continues. */
    resumedFrom: Optional(Text),
    /** Continues a damaged `resumedFrom` in a copy, with what can be read of it. */
    salvage: Optional(Type.Boolean()),
    parentSessionId: Optional(Id),
    attachments: Attachments,
    pi: Optional(PiOptions),
    /** The session has a work tree of its own, of the repository that `cwd` is in. */
    worktree: Optional(NewWorktree),
  }),
  attach_session: Type.Object({}),
  /** `message`: the reason, when the session does not end at a person's request. */
  kill_session: Type.Object({ message: Optional(Type.String({ maxLength: 500 })) }),
  list_sessions: Type.Object({}),
  input: Type.Object({ text: Text, deliverAs: Optional(Type.Enum([...DELIVER_AS])), attachments: Attachments }),
  /** Stops the agent. `drop`: also takes back the inputs in the queue that the sender may take back. */
  abort: Type.Object({ queue: Optional(Type.Enum([...QUEUE_ON_STOP])) }),
  /** The commands of the queue name an input by the id of the command that brought it. */
  queue_edit: Type.Object({ inputId: Id, text: Text }),
  queue_remove: Type.Object({ inputId: Id }),
  /** `before`: the input in front of which the moved input waits; without it, the moved input is the last one. */
  queue_move: Type.Object({ inputId: Id, before: Optional(Id) }),
  /** Makes an input the first one. An agent at rest starts with it, and then reads the rest of the queue. */
  queue_send_now: Type.Object({ inputId: Id }),
  model_set: Type.Object({ model: Text }),
  set_thinking_level: Type.Object({ level: Type.Enum([...THINKING_LEVELS]) }),
  compact: Type.Object({ instructions: Optional(Text) }),
  exec: Type.Object({ command: Type.String({ minLength: 1 }) }),
  /** The person dismissed the dialog when the value is missing. */
  dialog_response: Type.Object({ dialogId: Id, value: Optional(Type.Unknown()) }),
  /** `by`: the person who answered, when the answer is sent in the name of the parent session. */
  trigger_response: Type.Object({ triggerId: Id, response: Type.Unknown(), by: Optional(Author) }),
  session_message: Type.Object({ from: Text, text: Text }),
  session_trigger: Type.Object({
    triggerId: Id,
    kind: Text,
    /** The id of the child session and its name. */
    sessionId: Id,
    name: Optional(Text),
    payload: Optional(Type.Unknown()),
    /** ms since epoch: until when an answer is accepted, and until when the child waits for it. */
    expiresAt: Optional(Type.Number()),
    waitsUntil: Optional(Type.Number()),
  }),
  /** `sessionId`: the child session that sent the trigger. */
  trigger_closed: Type.Object({
    triggerId: Id,
    sessionId: Id,
    how: Type.Enum(['answered', 'timed_out', 'withdrawn']),
    by: Optional(Author),
  }),
  /** `sessionId`: the session that ended the link. */
  session_unlinked: Type.Object({ sessionId: Id }),
  link_receipt: Type.Object({
    requestId: Id,
    to: Id,
    outcome: Type.Enum([...LINK_OUTCOMES]),
    error: Optional(Type.Object({ code: Text, message: Text })),
  }),
  /** The guest's share link does not allow writing any more: ends what the guest started and sent here. */
  guest_left: Type.Object({ shareId: Id, name: Optional(Text), why: Type.Enum([...LINK_ENDS]) }),
  /**
   * Creates a session with a copy of the transcript up to `entryId`, the id of a user message; of the whole transcript
   * without it.
   */
  fork: Type.Object({ sessionId: Id, entryId: Optional(Text), name: Optional(Text) }),
  set_name: Type.Object({ name: Type.String({ minLength: 1, maxLength: 200 }) }),
  set_plan_mode: Type.Object({ enabled: Type.Boolean() }),
  set_approvals: Type.Object({ mode: Type.Enum([...APPROVAL_MODES]) }),
  /** Sets the goal and tells the agent; null cancels it. */
  set_goal: Type.Object({ goal: Type.Union([GoalRequest, Type.Null()]) }),
  restart: Type.Object({}),
  shutdown: Type.Object({}),
} as const;

export type CommandName = keyof typeof COMMAND_ARGS;
export const COMMAND_NAMES = Object.keys(COMMAND_ARGS) as CommandName[];
export type CommandArgs<N extends CommandName> = Static<(typeof COMMAND_ARGS)[N]>;

/**
 * Commands that act on no existing session. The arguments of `new_session` hold the id of the session that it creates.
 */
const OF_THE_RUNNER: readonly CommandName[] = ['new_session', 'list_sessions', 'restart', 'shutdown'];
/** Commands that only the process manager sends, in the name of a linked session or of the system. */
export const LINK_COMMANDS: readonly CommandName[] = [
  'session_trigger',
  'trigger_closed',
  'session_unlinked',
  'link_receipt',
  'guest_left',
];
/** Commands that people and programs may send to a session. */
export const SESSION_COMMANDS = COMMAND_NAMES.filter(
  (name) => !OF_THE_RUNNER.includes(name) && !LINK_COMMANDS.includes(name),
);

const envelope = {
  commandId: Id,
  sessionId: Optional(Id),
  by: Author,
  /** ms since epoch. */
  at: Type.Number(),
  /** ms since epoch. A runner that reads the command later answers `command_expired` and does not run it. */
  expiresAt: Type.Number(),
};

export const COMMAND_SCHEMAS: Readonly<Record<string, Type.TObject>> = Object.fromEntries(
  COMMAND_NAMES.map((name) => [name, Type.Object({ name: Type.Literal(name), ...envelope, args: COMMAND_ARGS[name] })]),
);

type Envelope = Static<Type.TObject<typeof envelope>>;
export type CommandOf<N extends CommandName> = Envelope & { name: N; args: CommandArgs<N> };
/** Any command: a union discriminated by `name`. */
export type Command = { [N in CommandName]: CommandOf<N> }[CommandName];

const argCheckers = new Map<string, ReturnType<typeof checker>>(
  Object.entries(COMMAND_ARGS).map(([name, schema]) => [name, checker(schema as Type.TSchema)]),
);
const commandCheckers = new Map(Object.entries(COMMAND_SCHEMAS).map(([name, schema]) => [name, checker(schema)]));

/** Returns true for a well-formed command. */
export function isCommand(value: unknown): value is Command {
  return isMap(value) && typeof value['name'] === 'string' && (commandCheckers.get(value['name'])?.(value) ?? false);
}

/** Returns what is wrong with a command's name or arguments (`command_unknown`, `command_invalid`), or undefined. */
export function commandProblem(name: unknown, args: unknown): ErrorInfo | undefined {
  const check = typeof name === 'string' ? argCheckers.get(name) : undefined;
  if (check === undefined) return errorInfo('command_unknown', `Unknown command "${String(name).slice(0, 64)}"`);
  const problem = check.problem(args);
  return problem === undefined ? undefined : errorInfo('command_invalid', `${String(name)}: ${problem}`);
}
