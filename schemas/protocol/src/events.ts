import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { GuestRefs } from './guests.js';
import { ID_PATTERN } from './ids.js';
import { isMap } from './json.js';
import { AgentMessage, PlacedBlob } from './messages.js';
import { META_EVENT_FIELDS } from './meta.js';
import { ADDED_META_EVENT_FIELDS } from './modes.js';
import { SessionPi } from './piInfo.js';
import { PiOptions } from './piOptions.js';

/**
 * The events of a session, which its log holds. Every event has a `type` and `at` (ms since epoch, by the clock of the
 * runner). Events of types that are not listed here are relayed and stored, never dropped: older readers ignore unknown
 * types.
 */
const Id = Type.String({ pattern: ID_PATTERN });
const Text = Type.String();
const Optional = Type.Optional;
const OneOf = <const T extends readonly string[]>(...values: T) => Type.Enum<[...T]>([...values]);

/** The author of an action: a person's id and how the person signed in, or the agent. */
export const Author = Type.Object({
  userId: Text,
  via: OneOf('owner', 'collab', 'api', 'terminal', 'agent', 'system'),
  /** The name of the account, or the name that a guest entered. */
  name: Optional(Text),
  /** Only for a guest: the rights of the share link beyond reading. */
  right: Optional(Type.Literal('approve')),
  /** Only for a guest: the guest was signed in, and `name` is the name of the account. */
  signedIn: Optional(Type.Literal(true)),
  /** Only for an agent: the guests whose inputs are part of the turn in which the agent acts. */
  guests: Optional(GuestRefs),
});

/** What a text that the agent reads is, for people: its words are for the agent. */
export const MessageAbout = Type.Object({
  /**
   * `task`: the first input of a child session. `trigger`, `message`, `response` and `undelivered`: of linked sessions.
   * `answer`: the late answer to a prompt.
   */
  kind: OneOf('task', 'trigger', 'message', 'response', 'undelivered', 'answer'),
  /** Only for `trigger`: its kind. */
  trigger: Optional(Text),
  /** The linked session. */
  sessionId: Optional(Id),
  /** Its name. */
  name: Optional(Text),
});

/** Where a user's message comes from. */
export const MessageOrigin = Type.Object({
  /** The input that the message is; missing for a message that no command brought. */
  commandId: Optional(Id),
  by: Author,
  about: Optional(MessageAbout),
});

export const END_REASONS = ['completed', 'killed', 'error', 'expired', 'host_lost'] as const;

/** The outcome of a message that one session sent to another. */
export const LINK_OUTCOMES = ['queued', 'delivered', 'late', 'failed'] as const;
export type LinkOutcome = (typeof LINK_OUTCOMES)[number];

/** Triggers whose sender waits for an answer. */
export const ASKING_TRIGGERS: readonly string[] = ['ask_user_question', 'plan_review', 'escalate'];
/** How long the parent can answer a trigger, in ms. */
export const TRIGGER_ANSWER_MS = 10 * 60_000;

/** An error in the log. */
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
    /** The pi that the session runs on. Hosts of earlier versions do not state it. */
    pi: Optional(SessionPi),
    parentSessionId: Optional(Id),
    resumedFrom: Optional(Text),
    forkedFrom: Optional(Type.Object({ sessionId: Id, seq: Type.Number() })),
    /**
     * The guests of the parent session in whose turn this session was started. The session ends with their share link.
     */
    startedBy: Optional(GuestRefs),
  },
  session_info_changed: { name: Text },
  session_resumed: {
    epoch: Type.Number(),
    /** The pi that the session runs on from here. Missing: not known, or the same. */
    pi: Optional(SessionPi),
  },
  session_ended: { reason: Type.Enum([...END_REASONS]), message: Optional(Text) },
};

const agent = {
  agent_start: {},
  agent_end: {},
  /** The host is stopped while the agent works: what the agent was writing ends here, and the session is resumed later. */
  run_interrupted: {},
  turn_start: {},
  turn_end: {},
  /** `origin`: only of a user's message. Earlier versions and imported histories have none. */
  message_start: { messageId: Id, role: Text, model: Optional(Text), origin: Optional(MessageOrigin) },
  message_end: {
    messageId: Id,
    entryId: Optional(Type.Union([Text, Type.Null()])),
    message: AgentMessage,
    origin: Optional(MessageOrigin),
  },
  /** `parentToolCallId`: the call during which its tool made this call. Missing for a call of the model. */
  tool_execution_start: {
    toolCallId: Text,
    toolName: Text,
    args: Type.Unknown(),
    parentToolCallId: Optional(Text),
  },
  tool_execution_end: {
    toolCallId: Text,
    toolName: Text,
    result: Type.Unknown(),
    isError: Type.Boolean(),
    parentToolCallId: Optional(Text),
  },
  /**
   * `steering` and `followUp` are the texts in pi's two queues. `items` is the whole queue in the order in which the agent
   * will read it. `commandId` names the input; it is missing for a text that no command brought. A host repeats the event
   * while the queue waits, so that it is among the last events of the log.
   */
  queue_update: {
    steering: Type.Array(Text),
    followUp: Type.Array(Text),
    items: Optional(
      Type.Array(
        Type.Object({
          commandId: Optional(Id),
          deliverAs: OneOf('steer', 'followUp'),
          text: Optional(Text),
          by: Optional(Author),
        }),
      ),
    ),
  },
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
    about: Optional(MessageAbout),
  },
  input_delivered: { commandId: Id },
  /** The author of an input in the queue changed its text before the agent read it. */
  input_edited: { commandId: Id, text: Text, by: Author },
  /**
   * An input was accepted and the agent will not read it: the share link of its guest has ended, or a person, `by`, took
   * it out of the queue.
   */
  input_dropped: { commandId: Id, error: Failure, by: Optional(Author) },
  /** The guests whose inputs the agent works on or has queued. The list is empty when no guest has one. */
  guests_at_work: { guests: GuestRefs },
  dialog_opened: {
    dialogId: Id,
    method: Type.Enum([...DIALOG_METHODS]),
    title: Text,
    message: Optional(Text),
    options: Optional(Type.Array(Text)),
    placeholder: Optional(Text),
    prefill: Optional(Text),
    /** ms since epoch at which the dialog closes by itself. */
    expiresAt: Optional(Type.Number()),
    /**
     * The question, plan or approval of the meta state to which the dialog belongs. An answer to that prompt closes the
     * dialog.
     */
    promptId: Optional(Id),
    /**
     * Of `notify`: info, warning, error. Of `status` and `widget`: the slot, which is filled, or cleared when there is
     * no text.
     */
    level: Optional(Text),
    key: Optional(Text),
    lines: Optional(Type.Array(Text)),
  },
  /** `dialogId` is the prompt's own id when it was answered by that id. */
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

/** The guests in whose turn the agent sends something to another session. */
const InTurnOf = { guests: Optional(GuestRefs) };

/**
 * Events of linked sessions. The acting session writes the event to its own log, and `to` names the other session. The
 * other session writes what it received to its own log. The process manager passes each event to the other session as
 * one command.
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
    /** The runner of the parent when missing. */
    runnerId: Optional(Id),
    /** Limits of the parent session that also apply to its child sessions. */
    pi: Optional(PiOptions),
    ...InTurnOf,
  },
  session_trigger: {
    triggerId: Id,
    kind: Text,
    parentSessionId: Optional(Id),
    payload: Optional(Type.Unknown()),
    /** ms since epoch until which an answer is accepted; missing when no answer is expected. */
    expiresAt: Optional(Type.Number()),
    /** ms since epoch until which the child waits. It then continues without an answer. */
    waitsUntil: Optional(Type.Number()),
    ...InTurnOf,
  },
  trigger_received: {
    triggerId: Id,
    kind: Text,
    /** The child session. */
    sessionId: Id,
    payload: Optional(Type.Unknown()),
    expiresAt: Optional(Type.Number()),
    waitsUntil: Optional(Type.Number()),
  },
  trigger_response: { triggerId: Id, response: Type.Unknown(), by: Optional(Author), to: Optional(Id), ...InTurnOf },
  session_message: { from: Text, text: Text, to: Optional(Id), messageId: Optional(Id), ...InTurnOf },
  /**
   * A person or a process other than the parent's agent settled the trigger. `sessionId`: the child session, on the
   * parent's log.
   */
  trigger_closed: {
    triggerId: Id,
    how: OneOf('answered', 'timed_out', 'withdrawn'),
    by: Optional(Author),
    sessionId: Optional(Id),
  },
  cleanup_child_session: { sessionId: Id },
  delink_children: {},
  delink_own_parent: {},
  /** The other session ended the link. */
  session_unlinked: { sessionId: Id },
  /**
   * The outcome of a message to another session. `requestId` is the id of the trigger, spawn or message, or of the
   * child session (cleanup).
   */
  link_receipt: { requestId: Id, to: Id, outcome: Type.Enum([...LINK_OUTCOMES]), error: Optional(Failure) },
};

/** The fields of every known event, by type. `thinking_level_changed` is both an agent event and a meta event. */
export const EVENT_FIELDS = {
  ...lifecycle,
  ...agent,
  ...people,
  ...orchestration,
  ...META_EVENT_FIELDS,
  ...ADDED_META_EVENT_FIELDS,
};

export type SessionEventType = keyof typeof EVENT_FIELDS;

export const SESSION_EVENT_TYPES = Object.keys(EVENT_FIELDS) as SessionEventType[];

const envelope = {
  at: Type.Number(),
  /** The parts that are too large for the log, with the JSON pointer of each in this event. */
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

/** An event of a type that this version does not know. It is stored and relayed; folds ignore it. */
export interface UnknownEvent {
  type: string;
  at: number;
}

export type Author = Static<typeof Author>;
export type MessageAbout = Static<typeof MessageAbout>;
export type MessageOrigin = Static<typeof MessageOrigin>;
export type EndReason = (typeof END_REASONS)[number];
export type DialogMethod = (typeof DIALOG_METHODS)[number];

const checkers = new Map(Object.entries(EVENT_SCHEMAS).map(([type, schema]) => [type, checker(schema)]));

/** Returns true for a well-formed event of a known type. */
export function isSessionEvent(value: unknown): value is SessionEvent {
  return isMap(value) && typeof value['type'] === 'string' && (checkers.get(value['type'])?.(value) ?? false);
}

/**
 * Returns what is wrong with an event, or undefined. An event is invalid when its type is known and its shape differs,
 * or when `type` or `at` is missing.
 */
export function eventProblem(value: unknown): string | undefined {
  if (!isMap(value)) return '/ must be a map';
  if (typeof value['type'] !== 'string' || value['type'] === '') return '/type must be a string';
  if (typeof value['at'] !== 'number') return '/at must be a number';
  return checkers.get(value['type'])?.problem(value);
}
