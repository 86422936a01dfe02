import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { errorInfo, type ErrorInfo } from './errors.js';
import { Author, LINK_OUTCOMES } from './events.js';
import { LINK_ENDS } from './guests.js';
import { ID_PATTERN } from './ids.js';
import { isMap } from './json.js';
import { BlobRef } from './messages.js';
import { PiOptions } from './piOptions.js';

/** What people and programs ask of a runner, on `runner.<rid>.cmd`. Its effect happens at most once. */
const Id = Type.String({ pattern: ID_PATTERN });
const Text = Type.String();
const Optional = Type.Optional;

/** How long a command waits for its host before it expires. */
export const COMMAND_TTL_MS = 10 * 60_000;

export const DELIVER_AS = ['prompt', 'steer', 'followUp'] as const;
export type DeliverAs = (typeof DELIVER_AS)[number];

export const THINKING_LEVELS = ['off', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const;
export type ThinkingLevel = (typeof THINKING_LEVELS)[number];

/** A file that came with an input, kept as a blob. */
export const Attachment = Type.Object({ name: Optional(Text), ...BlobRef.properties });
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
    /** A pi session file on the runner to continue. */
    resumedFrom: Optional(Text),
    parentSessionId: Optional(Id),
    attachments: Attachments,
    pi: Optional(PiOptions),
  }),
  attach_session: Type.Object({}),
  /** `message`: why, where it is not for the asking of a person. */
  kill_session: Type.Object({ message: Optional(Type.String({ maxLength: 500 })) }),
  list_sessions: Type.Object({}),
  input: Type.Object({ text: Text, deliverAs: Optional(Type.Enum([...DELIVER_AS])), attachments: Attachments }),
  abort: Type.Object({}),
  model_set: Type.Object({ model: Text }),
  set_thinking_level: Type.Object({ level: Type.Enum([...THINKING_LEVELS]) }),
  compact: Type.Object({ instructions: Optional(Text) }),
  exec: Type.Object({ command: Type.String({ minLength: 1 }) }),
  /** No value means the person dismissed the dialog. */
  dialog_response: Type.Object({ dialogId: Id, value: Optional(Type.Unknown()) }),
  /** `by`: the person who answered, where it is sent in the name of the parent session. */
  trigger_response: Type.Object({ triggerId: Id, response: Type.Unknown(), by: Optional(Author) }),
  session_message: Type.Object({ from: Text, text: Text }),
  session_trigger: Type.Object({
    triggerId: Id,
    kind: Text,
    /** The child, and what people call it. */
    sessionId: Id,
    name: Optional(Text),
    payload: Optional(Type.Unknown()),
    /** ms since epoch. */
    expiresAt: Optional(Type.Number()),
  }),
  /** `sessionId`: the child whose trigger it is. */
  trigger_closed: Type.Object({
    triggerId: Id,
    sessionId: Id,
    how: Type.Enum(['answered', 'timed_out', 'withdrawn']),
    by: Optional(Author),
  }),
  /** `sessionId`: who ended the link. */
  session_unlinked: Type.Object({ sessionId: Id }),
  link_receipt: Type.Object({
    requestId: Id,
    to: Id,
    outcome: Type.Enum([...LINK_OUTCOMES]),
    error: Optional(Type.Object({ code: Text, message: Text })),
  }),
  /** The link of a guest lets them write no more: what they had begun or sent here ends. */
  guest_left: Type.Object({ shareId: Id, name: Optional(Text), why: Type.Enum([...LINK_ENDS]) }),
  /** A new session that shares the story up to `entryId` (a user message's; everything when left out). */
  fork: Type.Object({ sessionId: Id, entryId: Optional(Text), name: Optional(Text) }),
  set_name: Type.Object({ name: Type.String({ minLength: 1, maxLength: 200 }) }),
  restart: Type.Object({}),
  shutdown: Type.Object({}),
} as const;

export type CommandName = keyof typeof COMMAND_ARGS;
export const COMMAND_NAMES = Object.keys(COMMAND_ARGS) as CommandName[];
export type CommandArgs<N extends CommandName> = Static<(typeof COMMAND_ARGS)[N]>;

/** Commands that act on no session. `new_session` names the one it makes in its args. */
const OF_THE_RUNNER: readonly CommandName[] = ['new_session', 'list_sessions', 'restart', 'shutdown'];
/** What only the process manager says, in the name of a linked session or of the system. */
export const LINK_COMMANDS: readonly CommandName[] = [
  'session_trigger',
  'trigger_closed',
  'session_unlinked',
  'link_receipt',
  'guest_left',
];
/** What people and programs may ask of a session. */
export const SESSION_COMMANDS = COMMAND_NAMES.filter(
  (name) => !OF_THE_RUNNER.includes(name) && !LINK_COMMANDS.includes(name),
);

const envelope = {
  commandId: Id,
  sessionId: Optional(Id),
  by: Author,
  /** ms since epoch. */
  at: Type.Number(),
  /** ms since epoch; a host that reads it later answers `command_expired` and does nothing. */
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

/** True for a well-formed command. */
export function isCommand(value: unknown): value is Command {
  return isMap(value) && typeof value['name'] === 'string' && (commandCheckers.get(value['name'])?.(value) ?? false);
}

/** What is wrong with a command's name or arguments (`command_unknown`, `command_invalid`), or undefined. */
export function commandProblem(name: unknown, args: unknown): ErrorInfo | undefined {
  const check = typeof name === 'string' ? argCheckers.get(name) : undefined;
  if (check === undefined) return errorInfo('command_unknown', `Unknown command "${String(name).slice(0, 64)}"`);
  const problem = check.problem(args);
  return problem === undefined ? undefined : errorInfo('command_invalid', `${String(name)}: ${problem}`);
}
