import { SerialQueue } from '@pizzapi/process';
import {
  CodedError,
  decodeMany,
  errorInfo,
  isMap,
  MAX_DEPTH,
  parseJson,
  toErrorInfo,
  type ErrorInfo,
  type ParsedFrame,
} from '@pizzapi/protocol';
import type { RawData, WebSocket } from 'ws';

/** Frames in one message. */
const MAX_FRAMES = 256;
/** Frames of the wrong shape before the connection closes with 4001. */
const MAX_INVALID = 16;
/** Frames that wait to be handled before no more are read from the socket. */
const MAX_WAITING = 32;

export interface InboxOptions<F> {
  ws: WebSocket;
  json: boolean;
  parse: (value: unknown) => ParsedFrame<F>;
  /** Receives one frame at a time, in their order. */
  onFrame: (frame: F) => Promise<void> | void;
  /** A frame that waits for no other one: a ping is answered while a command is on its way to the log. */
  isUrgent: (frame: F) => boolean;
  /** Called for an invalid frame. */
  onProblem: (error: ErrorInfo, ref?: string) => void;
  /** The client does not speak the protocol. */
  onBroken: () => void;
  /** Called when handling a frame failed unexpectedly. */
  onFailure: (thrown: unknown) => void;
}

/** The receiving side of a connection: bytes to frames, one handled after another, with a bound on what waits. */
export class Inbox<F> {
  private waiting = 0;
  private invalid = 0;
  private over = false;
  private readonly queue = new SerialQueue();

  constructor(private readonly options: InboxOptions<F>) {
    options.ws.on('message', (data, binary) => this.receive(data, binary));
  }

  /** Ignores all further frames, also those that wait. */
  stop(): void {
    this.over = true;
  }

  private receive(data: RawData, binary: boolean): void {
    if (this.over) return;
    const read = this.read(data, binary);
    if (read.kind === 'broken') return this.broken(read.error);
    if (read.values.length > MAX_FRAMES)
      return this.broken(errorInfo('bad_frame', `A message can hold at most ${MAX_FRAMES} frames`));
    for (const value of read.values) this.accept(value);
  }

  private read(
    data: RawData,
    binary: boolean,
  ): { kind: 'read'; values: unknown[] } | { kind: 'broken'; error: ErrorInfo } {
    const { json } = this.options;
    if (binary === json) return { kind: 'broken', error: errorInfo('bad_frame', 'The bytes are not frames') };
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
    try {
      return { kind: 'read', values: json ? [parseJson(bytes.toString())] : decodeMany(bytes, MAX_DEPTH) };
    } catch (error) {
      if (error instanceof CodedError) return { kind: 'broken', error: toErrorInfo(error) };
      if (error instanceof SyntaxError)
        return { kind: 'broken', error: errorInfo('bad_frame', 'The text is not JSON') };
      throw error;
    }
  }

  private accept(value: unknown): void {
    if (this.over) return;
    const parsed = this.options.parse(value);
    if (parsed.kind === 'invalid') {
      this.options.onProblem(parsed.error, parsed.ref);
      if (++this.invalid >= MAX_INVALID || !isMap(value))
        this.broken(errorInfo('bad_frame', 'Too many invalid frames'));
      return;
    }
    const { ws, isUrgent, onFrame, onFailure } = this.options;
    if (isUrgent(parsed.frame)) return void onFrame(parsed.frame);
    if (++this.waiting >= MAX_WAITING) ws.pause();
    this.queue
      .run(() => (this.over ? undefined : onFrame(parsed.frame)))
      .catch(onFailure)
      .finally(() => {
        if (--this.waiting < MAX_WAITING / 2 && ws.isPaused) ws.resume();
      });
  }

  private broken(error: ErrorInfo): void {
    this.over = true;
    this.options.onProblem(error);
    this.options.onBroken();
  }
}
