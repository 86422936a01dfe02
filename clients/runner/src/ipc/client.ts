import type { ErrorInfo } from '@pizzapi/protocol';
import type { IpcNotification, IpcRequestName, IpcRequests, IpcResponse, WorkerFigures } from './messages.js';
import { RequestSocket } from './requestSocket.js';

export type IpcResult<N extends IpcRequestName> =
  | { kind: 'answered'; answer: IpcResponse<N> }
  | { kind: 'refused'; error: ErrorInfo }
  /** The worker has gone before it answered; `sent`: it may have received the request. */
  | { kind: 'gone'; sent: boolean };

/** The daemon's end of the connection to a worker. */
export class WorkerIpcClient {
  /** What the worker had counted when it left. */
  lastCounts: WorkerFigures | undefined;
  /** Resolves when the connection is closed, by either end. */
  readonly closed: Promise<void>;

  private constructor(private readonly connection: RequestSocket<IpcNotification>) {
    this.closed = connection.closed;
    connection.observe((notice) => {
      if (notice.type === 'leaving') this.lastCounts = notice.counts;
    });
  }

  /** Connects. Undefined when no process listens at `path`. */
  static async connect(path: string): Promise<WorkerIpcClient | undefined> {
    const connection = await RequestSocket.connect<IpcNotification>(path);
    return connection === undefined ? undefined : new WorkerIpcClient(connection);
  }

  /** Sends a request. Never rejects. */
  async request<N extends IpcRequestName>(type: N, question: IpcRequests[N]['ask']): Promise<IpcResult<N>> {
    return (await this.connection.request(type, question)) as IpcResult<N>;
  }

  /** Passes every notice to `listener`, first those that came before there was one. */
  listen(listener: (notice: IpcNotification) => void): void {
    this.connection.listen(listener);
  }

  /** Keeps these notices for the next listener, as if they had just come. */
  replay(notices: readonly IpcNotification[]): void {
    this.connection.replay(notices);
  }

  close(): void {
    this.connection.close();
  }
}
