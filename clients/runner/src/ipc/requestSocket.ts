import { connect, type Socket } from 'node:net';
import { CodedError, type ErrorInfo } from '@pizzapi/protocol';
import { frame, FrameReader } from './frames.js';

/** What came of a request to another process of the runner. */
export type RequestOutcome =
  | { kind: 'answered'; answer: unknown }
  | { kind: 'refused'; error: ErrorInfo }
  /** The process has gone before it answered; `sent`: it may have received the request. */
  | { kind: 'gone'; sent: boolean };

type Reply = { type: 'reply'; ref: number; answer: unknown } | { type: 'refused'; ref: number; error: ErrorInfo };

/** The daemon's end of a connection to another process of the runner: requests with answers, and notices of type `N`. */
export class RequestSocket<N extends { type: string }> {
  private readonly waiting = new Map<number, (outcome: RequestOutcome) => void>();
  private readonly reader = new FrameReader();
  private lastRef = 0;
  private listener: ((notice: N) => void) | undefined;
  private early: N[] = [];
  private onNotice: ((notice: N) => void) | undefined;
  /** Resolves when the connection is closed, by either end. */
  readonly closed: Promise<void>;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => this.read(chunk));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        for (const settle of this.waiting.values()) settle({ kind: 'gone', sent: true });
        this.waiting.clear();
        resolve();
      });
    });
  }

  /** Connects. Undefined when no process listens at `path`. */
  static connect<N extends { type: string }>(path: string): Promise<RequestSocket<N> | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path);
      socket.once('error', () => resolve(undefined));
      socket.once('connect', () => resolve(new RequestSocket<N>(socket)));
    });
  }

  /** Sends a request. Never rejects. */
  request(type: string, body: object): Promise<RequestOutcome> {
    if (!this.socket.writable) return Promise.resolve({ kind: 'gone', sent: false });
    const ref = ++this.lastRef;
    return new Promise((resolve) => {
      this.waiting.set(ref, resolve);
      // The process may have died a moment ago. It carries out no request that it got in part.
      this.socket.write(
        frame({ type, ref, ...body }),
        (error) => error && this.settle(ref, { kind: 'gone', sent: false }),
      );
    });
  }

  /** Passes every notice to `listener`, first those that came before there was one. */
  listen(listener: (notice: N) => void): void {
    this.listener = listener;
    for (const notice of this.early.splice(0)) listener(notice);
  }

  /** Passes every notice to `onNotice` as soon as it comes, also before there is a listener. */
  observe(onNotice: (notice: N) => void): void {
    this.onNotice = onNotice;
  }

  /** Keeps these notices for the next listener, as if they had just come. */
  replay(notices: readonly N[]): void {
    this.listener = undefined;
    this.early.push(...notices);
  }

  close(): void {
    this.socket.destroy();
  }

  private settle(ref: number, outcome: RequestOutcome): void {
    this.waiting.get(ref)?.(outcome);
    this.waiting.delete(ref);
  }

  private read(chunk: Uint8Array): void {
    try {
      for (const message of this.reader.push(chunk)) this.take(message as Reply | N);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.socket.destroy();
    }
  }

  private take(message: Reply | N): void {
    if (isReply(message)) {
      const { ref } = message;
      if (message.type === 'reply') this.settle(ref, { kind: 'answered', answer: message.answer });
      else this.settle(ref, { kind: 'refused', error: message.error });
      return;
    }
    this.onNotice?.(message);
    if (this.listener === undefined) this.early.push(message);
    else this.listener(message);
  }
}

const isReply = (message: { type: string }): message is Reply => message.type === 'reply' || message.type === 'refused';
