import type { Author, DialogMethod, LinkOutcome, MessageAbout } from '../../events.js';
import type { GuestRef } from '../../guests.js';
import type { BlobRef } from '../../messages.js';

/**
 * The parts of a transcript. Items and blocks are replaced, never changed in place, so that identity shows what
 * changed.
 */
export type TranscriptItem = MessageItem | ToolItem | NoticeItem | DialogItem;

interface ItemBase {
  /** Stable for the life of the item: a key for lists. */
  id: string;
  /** Offset of the last event that changed the item; 0 while only deltas have changed it. */
  seq: number;
  /** ms since epoch of its first event. */
  at: number;
}

export interface MessageItem extends ItemBase {
  kind: 'message';
  role: string;
  model?: string;
  blocks: Block[];
  /** The agent is still writing it. */
  open: boolean;
  /**
   * A delta was lost: the shown text is a correct beginning. A snapshot or the end of the message restores the rest.
   */
  broken: boolean;
  /** The end or the restart of its worker interrupted it. */
  interrupted?: boolean;
  /** The author of a user message. */
  by?: Author;
  /** The input that a user message is. */
  commandId?: string;
  /** What a text for the agent is, for people. */
  about?: MessageAbout;
  /** The log does not name the author of this user message: an earlier version wrote it. */
  hasUnknownAuthor?: boolean;
  /** pi's id of the entry, which the command `fork` takes. */
  entryId?: string;
  stopReason?: string;
  error?: string;
  /** USD. */
  cost?: number;
  /**
   * Fields of pi's own kinds of messages for which there is no block, such as `command` and `output` of a
   * `bashExecution`.
   */
  extra?: Readonly<Record<string, unknown>>;
}

/** A tool run without a message: `exec`, or the first events of a log whose beginning is not loaded. */
export interface ToolItem extends ItemBase {
  kind: 'tool';
  block: ToolBlock;
}

export interface NoticeItem extends ItemBase {
  kind: 'notice';
  notice:
    | 'started'
    | 'resumed'
    | 'interrupted'
    | 'ended'
    | 'name'
    | 'model'
    | 'thinking'
    | 'compaction'
    | 'retry'
    | 'tree'
    | 'notify'
    | 'refused'
    | 'link';
  level: 'info' | 'warning' | 'error';
  text: string;
  /** The id of a refused command. */
  commandId?: string;
  /** Only for `link`: what this session and a linked session sent each other; `text` is the same as one line. */
  link?: LinkFacts;
}

/** A message, trigger or spawn between this session and its parent or a child session, with its outcome. */
export interface LinkFacts {
  kind:
    | 'spawn'
    | 'trigger_sent'
    | 'trigger_received'
    | 'message_sent'
    | 'message_received'
    | 'cleanup'
    | 'unlinked'
    | 'delink_children'
    | 'delink_own_parent';
  /**
   * The id of the trigger, spawn or message; for `cleanup` the id of the child session, for `unlinked` of the other
   * session.
   */
  id: string;
  /** The other session. */
  sessionId?: string;
  /** The name of a new session. */
  name?: string;
  /** The first input of a new session, or a message. */
  text?: string;
  /** The kind of the trigger: ask_user_question, plan_review, session_complete, session_error, escalate. */
  trigger?: string;
  payload?: unknown;
  /** ms since epoch until which an answer is accepted. */
  expiresAt?: number;
  /** ms since epoch until which the child waits for an answer. */
  waitsUntil?: number;
  /** Only for a trigger whose sender waits for an answer. */
  state?: 'open' | 'answered' | 'timed_out' | 'withdrawn';
  response?: unknown;
  /** The person who answered, when it was not the parent's agent. */
  by?: Author;
  /** Only for a new session: the guests in whose turn it was started. */
  guests?: GuestRef[];
  /** The state of the message that was sent; for `trigger_received`, of the answer to it. */
  receipt?: LinkOutcome;
  error?: { code: string; message: string };
}

export interface DialogItem extends ItemBase {
  kind: 'dialog';
  method: DialogMethod;
  title: string;
  message?: string;
  options: string[];
  placeholder?: string;
  prefill?: string;
  /** ms since epoch. */
  expiresAt?: number;
  /** The question, plan or approval of the meta state to which the dialog belongs. */
  promptId?: string;
  state: 'open' | 'answered' | 'cancelled' | 'timed_out' | 'settled';
  value?: unknown;
  by?: Author;
}

export type Block = TextBlock | ThinkingBlock | ToolBlock | ImageBlock | OtherBlock;

export interface TextBlock {
  kind: 'text';
  text: string;
  /** The whole text, when `text` is only its beginning. */
  blob?: BlobRef;
}

export interface ThinkingBlock {
  kind: 'thinking';
  text: string;
  /** The whole text, when `text` is only its beginning. */
  blob?: BlobRef;
}

export interface ImageBlock {
  kind: 'image';
  mediaType: string;
  /** Base64; empty when the image is a blob. */
  data: string;
  blob?: BlobRef;
}

export interface ToolBlock {
  kind: 'tool';
  toolCallId: string;
  toolName: string;
  /** The JSON of the arguments while the agent writes them; empty once `args` is set. */
  json: string;
  args?: unknown;
  state: 'writing' | 'pending' | 'running' | 'done' | 'failed';
  /** The output so far of a running tool; the last 64 Ki characters. */
  output: string;
  /** The result: text and images. */
  content: Block[];
  /** Structured details of pi's tools, such as the diff of an edit. */
  details?: unknown;
  startedAt?: number;
  endedAt?: number;
  /** The calls that this call made, and those that they made, in the order in which they began; the first 200. */
  nested?: NestedCall[];
  /** The number of nested calls that the transcript does not keep. */
  nestedLeftOut?: number;
}

/** A call that a tool made while it ran. Its texts are cut; the log has them whole. */
export interface NestedCall extends ToolBlock {
  /** 1 for a call that the model's own call made, 2 for a call that that one made. */
  depth: number;
}

export interface OtherBlock {
  kind: 'other';
  type: string;
  value: unknown;
}

/** An input that was accepted and is not yet a message. */
export interface PendingInput {
  commandId: string;
  text: string;
  by?: Author;
  deliverAs: string;
  /** The number of attached files. */
  attachments?: number;
  about?: MessageAbout;
  at: number;
}

/** The queue as its host reported it. `items` is missing in the logs of earlier versions. */
export interface Queue {
  steering: string[];
  followUp: string[];
  items?: QueueItem[];
}

/** One entry of the queue as its host reported it. */
export interface QueueItem {
  commandId?: string;
  deliverAs: QueuedInput['deliverAs'];
  text?: string;
  by?: Author;
}

/** One entry of the queue as people see it. */
export interface QueuedInput {
  /** Names the input in the commands of the queue. An entry without it can only be read. */
  commandId?: string;
  text: string;
  by?: Author;
  deliverAs: 'steer' | 'followUp';
  /** The number of attached files. */
  attachments?: number;
  about?: MessageAbout;
}

/** A session, folded for display. */
export interface Transcript {
  readonly items: TranscriptItem[];
  /** Offset of the last event folded. */
  cursor: number;
  /** Number of the last delta folded, or undefined before the first. */
  pieceN: number | undefined;
  busy: boolean;
  /** The host was stopped while the agent worked, and the agent has not begun again. */
  interrupted: boolean;
  ended: boolean;
  queue: Queue;
  pendingInputs: PendingInput[];
  /** Texts that extensions show permanently, by their slot. */
  status: Record<string, string>;
  widgets: Record<string, string[]>;
  /** Indexes for lookup; derived from `items`. */
  readonly index: TranscriptIndex;
}

/** Indexes into `items`, so that the cost of every event is O(1) for any length of the session. */
export interface TranscriptIndex {
  messages: Map<string, number>;
  /** The item and the block of each tool call; the block is -1 for a `ToolItem`. */
  tools: Map<string, { item: number; block: number }>;
  /** The call in whose block each nested call is kept, and its position there. */
  nested: Map<string, { root: string; at: number }>;
  dialogs: Map<string, number>;
  /** The link items, by their keys. */
  links: Map<string, number>;
  /** The open messages. */
  open: Set<string>;
  /** The running tool calls. */
  running: Set<string>;
  /** The notice of an interruption that only a new process implies. */
  impliedInterruption: number | undefined;
  /** The last name, model and thinking level. */
  settings: Map<string, string>;
  /** The user message that the last event began, when that event does not name its origin. */
  begun: string | undefined;
  /** The authors of user messages that are open, in logs of earlier versions. */
  oldAuthors: Map<string, OldAuthor>;
}

/** The author of a user message as far as a log without origins names it. */
export interface OldAuthor {
  /** Whether the log belongs to a session that ran, and not to a history that was imported. */
  isLive: boolean;
  /** The input that was delivered with the message. */
  input?: PendingInput;
  /** Whether another person waited with the same text. */
  isAmbiguous: boolean;
}

/** What an event or a delta changed. */
export interface Change {
  /** Indexes of the items that are new or replaced. */
  items: number[];
  /** Whether anything except the items changed: queue, busy, inputs, status. */
  state: boolean;
}
