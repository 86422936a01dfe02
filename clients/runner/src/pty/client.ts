import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { refusal } from '../ipc/refusal.js';
import { RequestSocket } from '../ipc/requestSocket.js';
import type { TerminalAnswer, TerminalNotice, TerminalRequestName, TerminalRequests } from './messages.js';

const GONE: ErrorInfo = errorInfo('terminal_unknown', 'The process of the terminal has ended');

/** The daemon's end of the connection to the process of a terminal. */
export class TerminalClient {
  /** Resolves when the connection is closed, by either end. */
  readonly closed: Promise<void>;

  private constructor(private readonly connection: RequestSocket<TerminalNotice>) {
    this.closed = connection.closed;
  }

  /** Connects. Undefined when no process listens at `path`. */
  static async connect(path: string): Promise<TerminalClient | undefined> {
    const connection = await RequestSocket.connect<TerminalNotice>(path);
    return connection === undefined ? undefined : new TerminalClient(connection);
  }

  /** Sends a request. Rejects with the code of the refusal, or with `terminal_unknown` when the process has gone. */
  async request<N extends TerminalRequestName>(type: N, asked: TerminalRequests[N]['ask']): Promise<TerminalAnswer<N>> {
    const outcome = await this.connection.request(type, asked);
    if (outcome.kind === 'answered') return outcome.answer as TerminalAnswer<N>;
    throw refusal(outcome.kind === 'refused' ? outcome.error : GONE);
  }

  /** Passes every notice to `listener`, first those that came before there was one. */
  listen(listener: (notice: TerminalNotice) => void): void {
    this.connection.listen(listener);
  }

  close(): void {
    this.connection.close();
  }
}
