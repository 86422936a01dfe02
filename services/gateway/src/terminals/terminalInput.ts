import { errorInfo, MAX_TERMINAL_INPUT_BYTES, type ErrorCode, type ErrorInfo } from '@pizzapi/protocol';

/** The most that waits for the host, in bytes. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** A pause that ends a line, in ms. */
const PAUSE_MS = 1_000;
/** Ctrl-C, Ctrl-Z and Ctrl-\\: a line that they follow is not carried out. */
const INTERRUPTS: readonly number[] = [0x03, 0x1a, 0x1c];
const CARRIAGE_RETURN = 0x0d;
/** The host did not get the input, or may not have got it. */
const LOSSES: readonly ErrorCode[] = ['host_lost', 'rpc_timeout', 'rpc_busy', 'unavailable'];

/**
 * The input of one viewer of a terminal, in the order in which it was typed: one request to the host at a time, with all
 * that was typed meanwhile in the next one. When a part is lost, the rest of its line is dropped, because it would be another
 * command. A line ends with Enter, an interruption or a pause.
 */
export class TerminalInput {
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private isSending = false;
  private lost: { error: ErrorInfo; at: number } | undefined;

  /** `send` passes bytes to the host and returns why it refused them. */
  constructor(
    private readonly send: (bytes: Uint8Array) => Promise<ErrorInfo | undefined>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Returns why the input was dropped; undefined when the host has it, or it waits behind other input. */
  async type(bytes: Uint8Array): Promise<ErrorInfo | undefined> {
    if (bytes.byteLength === 1 && INTERRUPTS.includes(bytes[0]!)) this.begin();
    const { lost } = this;
    if (lost !== undefined && this.now() - lost.at < PAUSE_MS) return this.lose(lost.error, bytes);
    this.lost = undefined;
    if (!this.isSending) return this.pass(bytes);
    if (this.waitingBytes + bytes.byteLength > MAX_WAITING_BYTES)
      return this.lose(errorInfo('rpc_busy', 'The host takes input more slowly than it comes'), bytes);
    this.waiting.push(bytes);
    this.waitingBytes += bytes.byteLength;
    return undefined;
  }

  /** What the viewer types next begins anew: it took the keyboard. */
  begin(): void {
    this.lost = undefined;
  }

  private async pass(bytes: Uint8Array): Promise<ErrorInfo | undefined> {
    this.isSending = true;
    try {
      for (let next: Uint8Array | undefined = bytes; next !== undefined; next = this.next()) {
        const error = await this.send(next);
        if (error !== undefined) return LOSSES.includes(error.code) ? this.lose(error, next) : this.drop(error);
      }
      return undefined;
    } finally {
      this.isSending = false;
    }
  }

  private next(): Uint8Array | undefined {
    if (this.waiting.length === 0) return undefined;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for (const part of this.waiting) {
      if (parts.length > 0 && bytes + part.byteLength > MAX_TERMINAL_INPUT_BYTES) break;
      parts.push(part);
      bytes += part.byteLength;
    }
    this.waiting = this.waiting.slice(parts.length);
    this.waitingBytes -= bytes;
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  /** `bytes`, and all that waits behind them, do not reach the host. What follows the end of a line begins anew. */
  private lose(error: ErrorInfo, bytes: Uint8Array): ErrorInfo {
    const last = (this.waiting.at(-1) ?? bytes).at(-1);
    this.lost = last === CARRIAGE_RETURN ? undefined : { error, at: this.now() };
    return this.drop(error);
  }

  private drop(error: ErrorInfo): ErrorInfo {
    this.waiting = [];
    this.waitingBytes = 0;
    return error;
  }
}
