import type { Author, DialogMethod } from '../../events.js';
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
    | 'message'
    | 'trigger';
  level: 'info' | 'warning' | 'error';
  text: string;
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
