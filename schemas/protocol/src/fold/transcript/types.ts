import type { Author, DialogMethod, LinkOutcome } from '../../events.js';
import type { GuestRef } from '../../guests.js';
import type { BlobRef } from '../../messages.js';

/** What a transcript is made of. Items and blocks are replaced, never changed in place: identity tells what changed. */
export type TranscriptItem = MessageItem | ToolItem | NoticeItem | DialogItem;

interface ItemBase {
  /** Stable for the item's life: a key for lists. */
  id: string;
  /** Offset of the last event that changed it; 0 while only pieces have. */
  seq: number;
  /** ms since epoch of its first event. */
  at: number;
}

export interface MessageItem extends ItemBase {
  kind: 'message';
  role: string;
  model?: string;
  blocks: Block[];
  /** Still being written. */
  open: boolean;
  /** A piece was lost: what is shown is a true beginning, and `partial` or the message's end brings the rest. */
  broken: boolean;
  /** Cut off by the end or the restart of its host. */
  interrupted?: boolean;
  /** Who sent it, of a user message that came as a command. */
  by?: Author;
  commandId?: string;
  /** pi's id of the entry: what `fork` takes. */
  entryId?: string;
  stopReason?: string;
  error?: string;
  /** USD. */
  cost?: number;
  /** Fields of pi's own kinds of messages that have no block: `command` and `output` of a `bashExecution`, and the like. */
  extra?: Readonly<Record<string, unknown>>;
}

/** A tool run that no message announced: `exec`, or the tail of a log whose beginning is not loaded. */
export interface ToolItem extends ItemBase {
  kind: 'tool';
  block: ToolBlock;
}

export interface NoticeItem extends ItemBase {
  kind: 'notice';
  notice:
    | 'started'
    | 'resumed'
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
  /** Of what was refused. */
  commandId?: string;
  /** Of `link`: what this session and a linked one said to each other; `text` is the same in one line. */
  link?: LinkFacts;
}

/** Something that went between this session and its parent or a child, with what became of it. */
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
  /** Of the trigger, spawn or message; the child's of `cleanup`, the other's of `unlinked`. */
  id: string;
  /** The other session. */
  sessionId?: string;
  /** What a new session is called. */
  name?: string;
  /** A new session's prompt, or a message. */
  text?: string;
  /** What kind of trigger: ask_user_question, plan_review, session_complete, session_error, escalate. */
  trigger?: string;
  payload?: unknown;
  /** ms since epoch until which an answer is taken. */
  expiresAt?: number;
  /** Of a trigger that wants an answer. */
  state?: 'open' | 'answered' | 'timed_out' | 'withdrawn';
  response?: unknown;
  /** Who answered, where it was not the parent's agent. */
  by?: Author;
  /** Of a new session: the guests in whose turn it was started. */
  guests?: GuestRef[];
  /** How far it came: what was sent or, of `trigger_received`, the answer to it. */
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
  /** What it is a step of: a question, plan or approval of the meta state. */
  promptId?: string;
  state: 'open' | 'answered' | 'cancelled' | 'timed_out' | 'settled';
  value?: unknown;
  by?: Author;
}

export type Block = TextBlock | ThinkingBlock | ToolBlock | ImageBlock | OtherBlock;

export interface TextBlock {
  kind: 'text';
  text: string;
  /** The whole text, where `text` is only its beginning. */
  blob?: BlobRef;
}

export interface ThinkingBlock {
  kind: 'thinking';
  text: string;
}

export interface ImageBlock {
  kind: 'image';
  mediaType: string;
  /** Base64, empty where there is a blob. */
  data: string;
  blob?: BlobRef;
}

export interface ToolBlock {
  kind: 'tool';
  toolCallId: string;
  toolName: string;
  /** The arguments as they are being written; empty once `args` is there. */
  json: string;
  args?: unknown;
  state: 'writing' | 'pending' | 'running' | 'done' | 'failed';
  /** What the tool has printed so far, while it runs; the last 64 Ki characters. */
  output: string;
  /** Its result: text and images. */
  content: Block[];
  /** Structured details of pi's tools: the diff of an edit, and the like. */
  details?: unknown;
  startedAt?: number;
  endedAt?: number;
}

export interface OtherBlock {
  kind: 'other';
  type: string;
  value: unknown;
}

/** An input that is on its way into the agent. */
export interface PendingInput {
  commandId: string;
  text: string;
  by?: Author;
  deliverAs: string;
  at: number;
}

/** A folded session, as people see it. */
export interface Transcript {
  readonly items: TranscriptItem[];
  /** Offset of the last event folded. */
  cursor: number;
  /** Number of the last piece folded, or undefined before the first. */
  pieceN: number | undefined;
  busy: boolean;
  ended: boolean;
  queue: { steering: string[]; followUp: string[] };
  pendingInputs: PendingInput[];
  /** Texts that extensions keep in sight, by their slot. */
  status: Record<string, string>;
  widgets: Record<string, string[]>;
  /** Where things are; derived from `items`. */
  readonly index: TranscriptIndex;
}

/** Positions in `items`, so that every event costs O(1) whatever the length of the session. */
export interface TranscriptIndex {
  messages: Map<string, number>;
  /** Item and block of each tool call; block -1 for a `ToolItem`. */
  tools: Map<string, { item: number; block: number }>;
  dialogs: Map<string, number>;
  /** What went to and from linked sessions. */
  links: Map<string, number>;
  /** Messages that are open. */
  open: Set<string>;
  /** Tool calls that run. */
  running: Set<string>;
  /** What was last said of name, model and thinking level. */
  settings: Map<string, string>;
  /** Inputs that were delivered and whose message has not come yet. */
  delivered: PendingInput[];
}

/** What an event or a piece changed. */
export interface Change {
  /** Positions of the items that are new or replaced. */
  items: number[];
  /** Whether anything beside the items changed: queue, busy, inputs, status. */
  state: boolean;
}
