import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { GuestRefs } from './guests.js';
import { ID_PATTERN } from './ids.js';
import { isMap } from './json.js';
import { AgentMessage, PlacedBlob } from './messages.js';
import { META_EVENT_FIELDS } from './meta.js';
import { PiOptions } from './piOptions.js';

/**
 * The facts of a session: what its log holds. Every event has a `type` and `at` (ms since epoch, the host's clock).
 * Types that are not listed here are relayed and kept, never dropped: old readers ignore what they don't know.
 */
const Id = Type.String({ pattern: ID_PATTERN });
const Text = Type.String();
const Optional = Type.Optional;
const OneOf = <const T extends readonly string[]>(...values: T) => Type.Enum<[...T]>([...values]);

/** Who did something: a person's id and how they came in, or the agent's own doing. */
export const Author = Type.Object({
  userId: Text,
  via: OneOf('owner', 'collab', 'api', 'terminal', 'agent', 'system'),
  /** What they are called: of an account, or as a guest calls themselves. */
  name: Optional(Text),
  /** Of a guest: what their link allows beside writing. */
  right: Optional(Type.Literal('approve')),
  /** Of an agent: the guests whose words are in the turn in which it says something. */
  guests: Optional(GuestRefs),
});

export const END_REASONS = ['completed', 'killed', 'error', 'expired', 'host_lost'] as const;

/** What became of something that one session sent to another. */
export const LINK_OUTCOMES = ['queued', 'delivered', 'late', 'failed'] as const;
export type LinkOutcome = (typeof LINK_OUTCOMES)[number];

/** Triggers whose sender wants an answer. */
export const ASKING_TRIGGERS: readonly string[] = ['ask_user_question', 'plan_review', 'escalate'];
/** How long a trigger takes an answer of the parent, in ms. */
export const TRIGGER_ANSWER_MS = 10 * 60_000;

/** An error as it stands in the log. */
const Failure = Type.Object({ code: Text, message: Text });

export const DIALOG_METHODS = ['select', 'confirm', 'input', 'editor', 'notify', 'status', 'widget'] as const;

const lifecycle = {
  session_started: {
    cwd: Text,
    name: Text,
    model: Text,
    runnerId: Text,
    userId: Text,
    epoch: Type.Number(),
    piVersion: Text,
    parentSessionId: Optional(Id),
    resumedFrom: Optional(Text),
    forkedFrom: Optional(Type.Object({ sessionId: Id, seq: Type.Number() })),
    /** The guests of its parent in whose turn it was started. It ends with their link. */
    startedBy: Optional(GuestRefs),
  },
  session_info_changed: { name: Text },
  session_resumed: { epoch: Type.Number() },
  session_ended: { reason: Type.Enum([...END_REASONS]), message: Optional(Text) },
};

const agent = {
  agent_start: {},
  agent_end: {},
  turn_start: {},
  turn_end: {},
  message_start: { messageId: Id, role: Text, model: Optional(Text) },
  message_end: { messageId: Id, entryId: Optional(Type.Union([Text, Type.Null()])), message: AgentMessage },
  tool_execution_start: { toolCallId: Text, toolName: Text, args: Type.Unknown() },
  tool_execution_end: { toolCallId: Text, toolName: Text, result: Type.Unknown(), isError: Type.Boolean() },
  queue_update: { steering: Type.Array(Text), followUp: Type.Array(Text) },
  compaction_start: { reason: Text },
  compaction_end: {
    reason: Text,
    aborted: Type.Boolean(),
    willRetry: Type.Boolean(),
    result: Optional(Type.Unknown()),
    errorMessage: Optional(Text),
  },
  auto_retry_start: { attempt: Type.Number(), maxAttempts: Type.Number(), delayMs: Type.Number(), errorMessage: Text },
  auto_retry_end: { success: Type.Boolean(), attempt: Type.Number(), finalError: Optional(Text) },
  model_select: { model: Text, previousModel: Optional(Text), source: Optional(Text) },
  session_tree: {
    newLeafId: Optional(Type.Union([Text, Type.Null()])),
    oldLeafId: Optional(Type.Union([Text, Type.Null()])),
  },
};

const people = {
  input_received: {
    commandId: Id,
    text: Text,
    by: Author,
    deliverAs: OneOf('prompt', 'steer', 'followUp'),
    attachments: Optional(Type.Number()),
  },
  input_delivered: { commandId: Id },
  /** An input that was taken and that the agent has not read, and will not: the link of its guest has ended. */
  input_dropped: { commandId: Id, error: Failure },
  /** The guests whose words the agent works on or has waiting now; none when it works on nobody's. */
  guests_at_work: { guests: GuestRefs },
  dialog_opened: {
    dialogId: Id,
    method: Type.Enum([...DIALOG_METHODS]),
    title: Text,
    message: Optional(Text),
    options: Optional(Type.Array(Text)),
    placeholder: Optional(Text),
    prefill: Optional(Text),
    /** ms since epoch after which the dialog closes by itself. */
    expiresAt: Optional(Type.Number()),
    /** The question, plan or approval of the meta state that the dialog is a step of: an answer to that closes it. */
    promptId: Optional(Id),
    /** Of `notify`: info, warning, error. Of `status` and `widget`: the slot that is filled or, without text, cleared. */
    level: Optional(Text),
    key: Optional(Text),
    lines: Optional(Type.Array(Text)),
  },
  /** `dialogId` is the prompt's own where it was answered by its own id. */
  dialog_resolved: {
    dialogId: Id,
    value: Optional(Type.Unknown()),
    by: Author,
    outcome: Optional(OneOf('answered', 'cancelled', 'timed_out', 'settled')),
  },
  command_result: {
    commandId: Id,
    ok: Type.Boolean(),
    name: Optional(Text),
    result: Optional(Type.Unknown()),
    error: Optional(Type.Object({ code: Text, message: Text })),
  },
};

/** Of what a session says to another: the guests in whose turn its agent says it. */
const InTurnOf = { guests: Optional(GuestRefs) };

/**
 * What linked sessions say to each other. Who acts writes the fact on its own log (`to` names the other); what reached
 * the other is a fact on the other's log. The process manager carries each over, as one command.
 */
const orchestration = {
  session_spawn: {
    spawnId: Id,
    /** The new session's id. */
    sessionId: Id,
    prompt: Text,
    cwd: Optional(Text),
    model: Optional(Text),
    name: Optional(Text),
    /** The parent's own runner when it is left out. */
    runnerId: Optional(Id),
    /** What the parent may not do its children may not either. */
    pi: Optional(PiOptions),
    ...InTurnOf,
  },
  session_trigger: {
    triggerId: Id,
    kind: Text,
    parentSessionId: Optional(Id),
    payload: Optional(Type.Unknown()),
    /** ms since epoch until which an answer is taken; none where none is wanted. */
    expiresAt: Optional(Type.Number()),
    ...InTurnOf,
  },
  trigger_received: {
    triggerId: Id,
    kind: Text,
    /** The child. */
    sessionId: Id,
    payload: Optional(Type.Unknown()),
    expiresAt: Optional(Type.Number()),
  },
  trigger_response: { triggerId: Id, response: Type.Unknown(), by: Optional(Author), to: Optional(Id), ...InTurnOf },
  session_message: { from: Text, text: Text, to: Optional(Id), messageId: Optional(Id), ...InTurnOf },
  /** Settled by somebody else than the parent's agent. `sessionId`: the child, on the parent's log. */
  trigger_closed: {
    triggerId: Id,
    how: OneOf('answered', 'timed_out', 'withdrawn'),
    by: Optional(Author),
    sessionId: Optional(Id),
  },
  cleanup_child_session: { sessionId: Id },
  delink_children: {},
  delink_own_parent: {},
  /** The other session has ended the link. */
  session_unlinked: { sessionId: Id },
  /** What became of something sent: `requestId` is the trigger's, spawn's or message's id, or the child's (cleanup). */
  link_receipt: { requestId: Id, to: Id, outcome: Type.Enum([...LINK_OUTCOMES]), error: Optional(Failure) },
};

/** The fields of every known event, by type. `thinking_level_changed` is the agent's and a meta event at once. */
export const EVENT_FIELDS = { ...lifecycle, ...agent, ...people, ...orchestration, ...META_EVENT_FIELDS };

export type SessionEventType = keyof typeof EVENT_FIELDS;

export const SESSION_EVENT_TYPES = Object.keys(EVENT_FIELDS) as SessionEventType[];

const envelope = {
  at: Type.Number(),
  /** What was too large for the log, and where in this event it belongs. */
  blobs: Optional(Type.Array(PlacedBlob)),
};

/** The schema of each event. */
export const EVENT_SCHEMAS: Readonly<Record<string, Type.TObject>> = Object.fromEntries(
  Object.entries(EVENT_FIELDS).map(([type, fields]) => [
    type,
    Type.Object({ type: Type.Literal(type), ...envelope, ...fields }),
  ]),
);

type Fields<T extends SessionEventType> = Static<Type.TObject<(typeof EVENT_FIELDS)[T]>>;

/** One known event, by its type. */
export type EventOf<T extends SessionEventType> = { type: T; at: number; blobs?: PlacedBlob[] } & Fields<T>;

/** Any known event: a union discriminated by `type`. */
export type SessionEvent = { [T in SessionEventType]: EventOf<T> }[SessionEventType];

/** An event of a type this version does not know: kept, relayed, ignored by folds. */
export interface UnknownEvent {
  type: string;
  at: number;
}

export type Author = Static<typeof Author>;
export type EndReason = (typeof END_REASONS)[number];
export type DialogMethod = (typeof DIALOG_METHODS)[number];

const checkers = new Map(Object.entries(EVENT_SCHEMAS).map(([type, schema]) => [type, checker(schema)]));

/** True for a well-formed event of a known type. */
export function isSessionEvent(value: unknown): value is SessionEvent {
  return isMap(value) && typeof value['type'] === 'string' && (checkers.get(value['type'])?.(value) ?? false);
}

/** What is wrong with an event, or undefined: a known type in the wrong shape, or no `type` and `at` at all. */
export function eventProblem(value: unknown): string | undefined {
  if (!isMap(value)) return '/ must be a map';
  if (typeof value['type'] !== 'string' || value['type'] === '') return '/type must be a string';
  if (typeof value['at'] !== 'number') return '/at must be a number';
  return checkers.get(value['type'])?.problem(value);
}
