import { isMap, type Transcript } from '@pizzapi/protocol';

/** Pieces that wait, at most. Beyond that they are given up: the end of their message brings everything. */
const MAX_EARLY_PIECES = 1_000;

/**
 * Pieces outrun the log: they are not stored, so that they may arrive before the event that says which message or tool
 * they belong to, and would open it in the wrong place. They wait here, in order, for that event.
 */
export class DeltaBuffer {
  #waiting: BufferedDelta[] = [];

  /** Whether anything waits: what comes next then has to wait as well, for pieces are numbered. */
  get any(): boolean {
    return this.#waiting.length > 0;
  }

  hold(piece: BufferedDelta): void {
    if (this.#waiting.length >= MAX_EARLY_PIECES) this.clear();
    else this.#waiting.push(piece);
  }

  /** The pieces whose place is known now, in order. */
  *ready(transcript: Transcript): Generator<BufferedDelta, void, void> {
    while (this.#waiting.length > 0 && isApplicable(transcript, this.#waiting[0]!)) yield this.#waiting.shift()!;
  }

  clear(): void {
    this.#waiting = [];
  }
}

export type BufferedDelta = { kind: 'delta' | 'partial'; value: unknown };

/** Whether the transcript knows every message and tool that a piece speaks of. */
export function isApplicable({ index }: Transcript, { kind, value }: BufferedDelta): boolean {
  if (!isMap(value)) return true;
  if (kind === 'delta') {
    if (value['type'] === 'tool_output_delta') return index.tools.has(String(value['toolCallId']));
    return typeof value['messageId'] !== 'string' || index.messages.has(value['messageId']);
  }
  const open = Array.isArray(value['open']) ? value['open'] : [];
  return open.every((item) => !isMap(item) || index.messages.has(String(item['messageId'])));
}
