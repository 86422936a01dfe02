import type { AgentSessionEvent } from '@mariozechner/pi-coding-agent';
import type { AgentMessage, EventOf, MessageOrigin, SessionEvent } from '@pizzapi/protocol';
import type { Coalescer, DeltaSlot } from './coalesce.js';
import type { OpenBlocks } from './openBlocks.js';
import { recordedModel } from './file/entryRepair.js';
import { isShownRole } from './file/messageRoles.js';
import { sanitizeMessage, sanitizeToolResult, toPlainData } from './sanitizeEvent.js';
import { SnapshotDiff } from './snapshotDiff.js';
import type { UserMessageOrigin } from './userMessageOrigin.js';
import { parentOf } from './versions/nestedCalls.js';

type PiMessage = Extract<AgentSessionEvent, { type: 'message_end' }>['message'];
type AssistantPiMessage = Extract<PiMessage, { role: 'assistant' }>;
type Update = Extract<AgentSessionEvent, { type: 'message_update' }>['assistantMessageEvent'];

/** What the translation needs of the session around it. */
export interface TranslatorDeps {
  emit(event: SessionEvent): void;
  pieces: Coalescer;
  open: OpenBlocks;
  now(): number;
  newMessageId(): string;
  /** The tree's leaf: right after a message was appended, that message's entry. */
  leafId(): string | null;
  /** Runs `fn` once pi's listeners have returned and pi has appended what it just told them. */
  afterListeners(fn: () => void): void;
  /** Where a user's message comes from, which the agent reads now. Called once for each. */
  delivered(message: object): UserMessageOrigin;
  /** Called after the `message_end` of each assistant message. */
  assistantEnded(message: AssistantPiMessage): void;
  /** True when a tool's output reaches us chunk by chunk, so that its snapshots say nothing new. */
  isTapped(toolCallId: string): boolean;
}

/** The text of a message's content, without what is not text. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((block: unknown) => (block as { type?: string; text?: string } | null) ?? {})
    .map((block) => (block.type === 'text' ? (block.text ?? '') : ''))
    .join('');
}

/**
 * pi's events, as they come, into ours. Keeps what pi leaves implicit: an id per message, the same from its start to
 * its end, and each piece's block. Feed it every event in order; it calls back in the order the log gets them.
 */
export class Translator {
  /** A run has begun and not ended. */
  #isRunOpen = false;
  #messageId: string | undefined;
  #pendingEnd: (() => void) | undefined;
  #lastEnded: unknown;
  /** The origin of the open message, when it is a user's. */
  #origin: MessageOrigin | undefined;
  /** Characters gone out per block of the open message, to complete a block whose provider sends no pieces. */
  #sent = new Map<number, number>();
  readonly #snapshots = new SnapshotDiff();

  constructor(private readonly deps: TranslatorDeps) {}

  /** Translates one event of pi. */
  handle(event: AgentSessionEvent): void {
    this.settle();
    const { deps } = this;
    const at = deps.now();
    switch (event.type) {
      case 'message_start':
        return isShownRole(event.message.role) ? this.#start(event.message, at) : undefined;
      case 'message_update':
        return this.#update(event.assistantMessageEvent);
      case 'message_end':
        return isShownRole(event.message.role) ? this.#end(event.message, at) : undefined;
      case 'tool_execution_start': {
        const { toolCallId, toolName } = event;
        deps.open.openTool(toolCallId);
        return deps.emit({
          type: event.type,
          at,
          toolCallId,
          toolName,
          args: toPlainData(event.args as unknown) ?? {},
          ...parentOf(event),
        });
      }
      case 'tool_execution_update':
        return this.#output(event.toolCallId, event.partialResult as unknown);
      case 'tool_execution_end': {
        const { toolCallId, toolName, isError } = event;
        const result = sanitizeToolResult(event.result as unknown) ?? null;
        this.#snapshots.forget(toolCallId);
        deps.pieces.flush((slot) => slot.kind === 'output' && slot.toolCallId === toolCallId);
        deps.emit({ type: event.type, at, toolCallId, toolName, result, isError, ...parentOf(event) });
        return deps.open.closeTool(toolCallId);
      }
      case 'agent_end':
        this.#reportFailure(event.messages, at);
        this.#isRunOpen = false;
        return deps.emit({ type: event.type, at });
      case 'agent_start':
        this.#isRunOpen = true;
        return deps.emit({ type: event.type, at });
      case 'turn_start':
      case 'turn_end':
        return deps.emit({ type: event.type, at });
      case 'session_info_changed':
        return deps.emit({ type: event.type, at, name: event.name ?? '' });
      case 'thinking_level_changed':
        return deps.emit({ type: event.type, at, level: event.level });
      case 'compaction_start':
        deps.emit({ type: event.type, at, reason: event.reason });
        return deps.emit({ type: 'compact_started', at });
      case 'compaction_end':
        deps.emit({ ...(toPlainData(event) as Omit<EventOf<'compaction_end'>, 'at'>), at });
        return deps.emit({ type: 'compact_ended', at });
      case 'auto_retry_start': {
        deps.emit({ ...event, at });
        const state = { errorMessage: event.errorMessage, detectedAt: at };
        return deps.emit({ type: 'retry_state_changed', at, state });
      }
      case 'auto_retry_end':
        deps.emit({ ...(toPlainData(event) as Omit<EventOf<'auto_retry_end'>, 'at'>), at });
        return deps.emit({ type: 'retry_state_changed', at, state: null });
    }
  }

  /** Emits what waits for pi to append it; everything else that goes into the log calls this first. */
  settle(): void {
    const end = this.#pendingEnd;
    this.#pendingEnd = undefined;
    end?.();
  }

  /** The agent rests. A run whose end pi has not reported, because it failed inside, has ended. */
  rest(): void {
    this.settle();
    if (!this.#isRunOpen) return;
    this.#isRunOpen = false;
    this.deps.emit({ type: 'agent_end', at: this.deps.now() });
  }

  #start(message: PiMessage, at: number): void {
    const messageId = this.deps.newMessageId();
    // pi ends every message before the next, except one that a compaction of an extension cut off.
    if (this.#messageId !== undefined) this.deps.open.closeMessage(this.#messageId);
    this.#messageId = messageId;
    this.#sent = new Map();
    this.deps.open.openMessage(messageId, message.role);
    const named = message.role === 'assistant' ? recordedModel(message.provider, message.model) : undefined;
    const model = named === undefined ? {} : { model: named };
    const read = message.role === 'user' ? this.deps.delivered(message) : undefined;
    this.#origin = read?.origin;
    const from = read === undefined ? {} : { origin: read.origin };
    this.deps.emit({ type: 'message_start', at, messageId, role: message.role, ...model, ...from });
    if (read?.announced !== undefined) this.deps.emit({ type: 'input_delivered', at, commandId: read.announced });
  }

  /** Only deltas are read here: `partial` is shared with the provider, which writes ahead of what it announces. */
  #update(update: Update): void {
    const messageId = this.#messageId;
    if (messageId === undefined) return;
    switch (update.type) {
      case 'text_delta':
        return this.#piece({ kind: 'text', messageId, index: update.contentIndex }, update.delta);
      case 'thinking_delta':
        return this.#piece({ kind: 'thinking', messageId, index: update.contentIndex }, update.delta);
      case 'text_end':
        return this.#complete({ kind: 'text', messageId, index: update.contentIndex }, update.content);
      case 'thinking_end':
        return this.#complete({ kind: 'thinking', messageId, index: update.contentIndex }, update.content);
      case 'toolcall_start':
      case 'toolcall_delta': {
        // The name and id of a call are there from its start and do not change: safe to read from `partial`.
        const index = update.contentIndex;
        const call = update.partial.content[index];
        if (call?.type !== 'toolCall') return;
        const slot: DeltaSlot = { kind: 'toolCall', messageId, index, toolCallId: call.id, toolName: call.name };
        return this.#piece(slot, update.type === 'toolcall_delta' ? update.delta : '');
      }
    }
  }

  #piece(slot: Exclude<DeltaSlot, { kind: 'output' }>, text: string): void {
    this.#sent.set(slot.index, (this.#sent.get(slot.index) ?? 0) + text.length);
    this.deps.pieces.add(slot, text);
  }

  #complete(slot: Exclude<DeltaSlot, { kind: 'output' }>, whole: string): void {
    const missing = whole.slice(this.#sent.get(slot.index) ?? 0);
    if (missing !== '') this.#piece(slot, missing);
  }

  #output(toolCallId: string, partialResult: unknown): void {
    if (this.deps.isTapped(toolCallId)) return;
    const text = textOf((partialResult as { content?: unknown } | null | undefined)?.content);
    const added = this.#snapshots.added(toolCallId, text);
    if (added !== '') this.deps.pieces.add({ kind: 'output', toolCallId }, added);
  }

  #end(message: PiMessage, at: number): void {
    const { deps } = this;
    const messageId = this.#messageId ?? deps.newMessageId();
    this.#messageId = undefined;
    const from = this.#origin === undefined || message.role !== 'user' ? {} : { origin: this.#origin };
    this.#origin = undefined;
    this.#lastEnded = message;
    deps.pieces.flush((slot) => slot.kind !== 'output' && slot.messageId === messageId);
    this.#pendingEnd = () => {
      const cleaned = sanitizeMessage(message) as AgentMessage;
      deps.emit({ type: 'message_end', at, messageId, entryId: deps.leafId(), message: cleaned, ...from });
      deps.open.closeMessage(messageId);
      if (message.role === 'assistant') deps.assistantEnded(message);
    };
    deps.afterListeners(() => this.settle());
  }

  /**
   * A run that fails outside of a provider's stream (no key, a broken extension) ends with a message that pi never
   * announces. Without it the log would show a turn that stops for no reason.
   */
  #reportFailure(messages: readonly PiMessage[], at: number): void {
    const last = messages.at(-1);
    if (last?.role !== 'assistant' || last === this.#lastEnded || last.errorMessage === undefined) return;
    if (this.#messageId === undefined) this.#start(last, at);
    this.#end(last, at);
    this.settle();
  }
}
