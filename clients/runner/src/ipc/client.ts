import { connect, type Socket } from 'node:net';
import { CodedError, type ErrorInfo } from '@pizzapi/protocol';
import { frame, FrameReader } from './frames.js';
import type {
  IpcNotification,
  IpcRequestName,
  IpcRequests,
  IpcResponse,
  WorkerFigures,
  WorkerMessage,
} from './messages.js';

export type IpcResult<N extends IpcRequestName> =
  | { kind: 'answered'; answer: IpcResponse<N> }
  | { kind: 'refused'; error: ErrorInfo }
  /** The worker has gone before it answered; `sent`: it may have heard the question. */
  | { kind: 'gone'; sent: boolean };

interface Waiting {
  settle: (
    outcome:
      { kind: 'answered'; answer: unknown } | { kind: 'refused'; error: ErrorInfo } | { kind: 'gone'; sent: boolean },
  ) => void;
}

/** The daemon's end of a link. */
export class WorkerIpcClient {
  private readonly waiting = new Map<number, Waiting>();
  private readonly reader = new FrameReader();
  private lastRef = 0;
  private listener: ((notice: IpcNotification) => void) | undefined;
  private bufferedNotifications: IpcNotification[] = [];
  /** What the worker had counted when it left. */
  lastCounts: WorkerFigures | undefined;
  /** Resolves when the connection is closed, by whatever. */
  readonly closed: Promise<void>;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => this.read(chunk));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        for (const { settle } of this.waiting.values()) settle({ kind: 'gone', sent: true });
        this.waiting.clear();
        resolve();
      });
    });
  }

  /** Connects, or undefined when nobody listens at `path`. */
  static connect(path: string): Promise<WorkerIpcClient | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path);
      socket.once('error', () => resolve(undefined));
      socket.once('connect', () => resolve(new WorkerIpcClient(socket)));
    });
  }

  /** Asks. Never rejects. */
  request<N extends IpcRequestName>(type: N, question: IpcRequests[N]['ask']): Promise<IpcResult<N>> {
    if (!this.socket.writable) return Promise.resolve({ kind: 'gone', sent: false });
    const ref = ++this.lastRef;
    return new Promise((resolve) => {
      this.waiting.set(ref, { settle: (outcome) => resolve(outcome as IpcResult<N>) });
      // A worker that is dead already, though nobody has noticed: half a question is none.
      this.socket.write(frame({ type, ref, ...question }), (error) => error && this.unsent(ref));
    });
  }

  /** Hands every notice to `listener`, first those that came before there was one. */
  listen(listener: (notice: IpcNotification) => void): void {
    this.listener = listener;
    for (const notice of this.bufferedNotifications.splice(0)) listener(notice);
  }

  /** Keeps these notices for the next listener, as if they had just come. */
  replay(notices: readonly IpcNotification[]): void {
    this.listener = undefined;
    this.bufferedNotifications.push(...notices);
  }

  close(): void {
    this.socket.destroy();
  }

  private unsent(ref: number): void {
    this.waiting.get(ref)?.settle({ kind: 'gone', sent: false });
    this.waiting.delete(ref);
  }

  private read(chunk: Uint8Array): void {
    try {
      for (const message of this.reader.push(chunk)) this.take(message as WorkerMessage);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.socket.destroy();
    }
  }

  private take(message: WorkerMessage): void {
    if (message.type === 'leaving') this.lastCounts = message.counts;
    if (message.type !== 'reply' && message.type !== 'refused') {
      if (this.listener === undefined) this.bufferedNotifications.push(message);
      else this.listener(message);
      return;
    }
    const waiting = this.waiting.get(message.ref);
    this.waiting.delete(message.ref);
    if (message.type === 'reply') waiting?.settle({ kind: 'answered', answer: message.answer });
    else waiting?.settle({ kind: 'refused', error: message.error });
  }
}
