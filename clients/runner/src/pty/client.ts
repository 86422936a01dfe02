import { connect, type Socket } from 'node:net';
import { CodedError, errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { frame, FrameReader } from '../ipc/frames.js';
import { refusal } from '../ipc/refusal.js';
import type {
  TerminalAnswer,
  TerminalNotice,
  TerminalProcessMessage,
  TerminalRequestName,
  TerminalRequests,
} from './messages.js';

interface Waiting {
  resolve: (answer: unknown) => void;
  reject: (error: Error) => void;
}

/** The daemon's end of the connection to the process of a terminal. */
export class TerminalClient {
  private readonly waiting = new Map<number, Waiting>();
  private readonly reader = new FrameReader();
  private lastRef = 0;
  private listener: ((notice: TerminalNotice) => void) | undefined;
  private early: TerminalNotice[] = [];
  /** Resolves when the connection is closed, by either end. */
  readonly closed: Promise<void>;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => this.read(chunk));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        for (const { reject } of this.waiting.values()) reject(gone());
        this.waiting.clear();
        resolve();
      });
    });
  }

  /** Connects. Undefined when no process listens at `path`. */
  static connect(path: string): Promise<TerminalClient | undefined> {
    return new Promise((resolve) => {
      const socket = connect(path);
      socket.once('error', () => resolve(undefined));
      socket.once('connect', () => resolve(new TerminalClient(socket)));
    });
  }

  /** Asks. Rejects with the code of the refusal, or with `terminal_unknown` when the process has gone. */
  request<N extends TerminalRequestName>(type: N, asked: TerminalRequests[N]['ask']): Promise<TerminalAnswer<N>> {
    if (!this.socket.writable) return Promise.reject(gone());
    const ref = ++this.lastRef;
    return new Promise((resolve, reject) => {
      this.waiting.set(ref, { resolve: (answer) => resolve(answer as TerminalAnswer<N>), reject });
      this.socket.write(frame({ type, ref, ...asked }));
    });
  }

  /** Hands every notice to `listener`, first those that came before there was one. */
  listen(listener: (notice: TerminalNotice) => void): void {
    this.listener = listener;
    for (const notice of this.early.splice(0)) listener(notice);
  }

  close(): void {
    this.socket.destroy();
  }

  private read(chunk: Uint8Array): void {
    try {
      for (const message of this.reader.push(chunk)) this.take(message as TerminalProcessMessage);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.socket.destroy();
    }
  }

  private take(message: TerminalProcessMessage): void {
    if (message.type !== 'reply' && message.type !== 'refused') {
      if (this.listener === undefined) this.early.push(message);
      else this.listener(message);
      return;
    }
    const waiting = this.waiting.get(message.ref);
    this.waiting.delete(message.ref);
    if (message.type === 'reply') waiting?.resolve(message.answer);
    else waiting?.reject(refusal(message.error));
  }
}

const goneInfo: ErrorInfo = errorInfo('terminal_unknown', 'The process of the terminal has ended');
const gone = (): CodedError => refusal(goneInfo);
