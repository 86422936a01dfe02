import { isHighSurrogate, tailOf, type UnnumberedDelta } from '@pizzapi/protocol';

/** How long text is gathered before it goes out as one piece, in ms. */
const COALESCE_WINDOW_MS = 40;
/** No piece holds more characters than this: a burst becomes several pieces. */
const MAX_PIECE_CHARS = 32_768;
/** Of one tool at most this many characters go out per window; more is announced, skipped and in the result anyway. */
const MAX_OUTPUT_CHARS_PER_WINDOW = 65_536;

/** What a piece belongs to. */
export type DeltaSlot =
  | { kind: 'text' | 'thinking'; messageId: string; index: number }
  | { kind: 'toolCall'; messageId: string; index: number; toolCallId: string; toolName: string }
  | { kind: 'output'; toolCallId: string };

/** The clock and timer, so that tests turn the time themselves. */
export interface CoalesceClock {
  now(): number;
  /** Calls `fn` once after `ms`; the result cancels it. */
  after(ms: number, fn: () => void): () => void;
}

export const systemClock: CoalesceClock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

function keyOf(slot: DeltaSlot): string {
  return slot.kind === 'output' ? `output ${slot.toolCallId}` : `${slot.messageId} ${slot.index}`;
}

function toDelta(slot: DeltaSlot, text: string, at: number): UnnumberedDelta {
  switch (slot.kind) {
    case 'text':
    case 'thinking':
      return { type: `${slot.kind}_delta`, at, messageId: slot.messageId, index: slot.index, text };
    case 'toolCall': {
      const { messageId, index, toolCallId, toolName } = slot;
      return { type: 'toolcall_delta', at, messageId, index, toolCallId, toolName, json: text };
    }
    case 'output':
      return { type: 'tool_output_delta', at, toolCallId: slot.toolCallId, text };
  }
}

interface Pending {
  slot: DeltaSlot;
  parts: string[];
  /** Characters in `parts`. */
  length: number;
  /** Characters left out before them. */
  skipped: number;
}

/** Splits where no surrogate pair is torn. */
function* split(text: string): Generator<string> {
  let start = 0;
  do {
    let end = Math.min(start + MAX_PIECE_CHARS, text.length);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end--;
    yield text.slice(start, end);
    start = end;
  } while (start < text.length);
}

/**
 * Gathers what a model and its tools produce, block by block, and passes it on once a window. Nothing is lost or
 * reordered within a block; blocks go out in the order they began.
 */
export class Coalescer {
  readonly #pending = new Map<string, Pending>();
  #cancel: (() => void) | undefined;

  constructor(
    private readonly emit: (delta: UnnumberedDelta) => void,
    private readonly clock: CoalesceClock = systemClock,
    private readonly windowMs = COALESCE_WINDOW_MS,
  ) {}

  /** Adds text to a block. An empty text announces the block (a tool call whose arguments are still to come). */
  add(slot: DeltaSlot, text: string): void {
    const key = keyOf(slot);
    const entry = this.#pending.get(key) ?? { slot, parts: [], length: 0, skipped: 0 };
    entry.slot = slot;
    entry.parts.push(text);
    entry.length += text.length;
    this.#pending.set(key, entry);
    if (slot.kind === 'output' && entry.length > 2 * MAX_OUTPUT_CHARS_PER_WINDOW) this.#trim(entry);
    this.#cancel ??= this.clock.after(this.windowMs, () => this.flush());
  }

  /**
   * Passes on everything gathered so far, now. A surrogate without its second half waits for it, or is dropped where the
   * block is over.
   */
  flush(isOver: (slot: DeltaSlot) => boolean = () => false): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const entries = [...this.#pending];
    this.#pending.clear();
    const at = this.clock.now();
    for (const [key, entry] of entries) {
      if (entry.slot.kind === 'output' && entry.length > MAX_OUTPUT_CHARS_PER_WINDOW) this.#trim(entry);
      const note = entry.skipped === 0 ? '' : `\n[… ${entry.skipped} characters skipped …]\n`;
      const all = note + entry.parts.join('');
      const isHalf = isHighSurrogate(all.charCodeAt(all.length - 1));
      const whole = isHalf ? all.slice(0, -1) : all;
      if (whole !== '' || !isHalf) for (const text of split(whole)) this.emit(toDelta(entry.slot, text, at));
      if (!isHalf || isOver(entry.slot)) continue;
      this.#pending.set(key, { slot: entry.slot, parts: [all.slice(-1)], length: 1, skipped: 0 });
    }
  }

  /** Forgets what is pending and stops the timer. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#pending.clear();
  }

  /** Keeps the end of a flood, and count of what is left out. */
  #trim(entry: Pending): void {
    const kept = tailOf(entry.parts.join(''), MAX_OUTPUT_CHARS_PER_WINDOW);
    entry.skipped += entry.length - kept.length;
    entry.length = kept.length;
    entry.parts = [kept];
  }
}
