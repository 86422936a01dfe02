import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { toErrorInfo } from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import { frame, FrameReader } from './frames.js';
import type { IpcResponse, WorkerMessage, IpcNotification, IpcRequest, IpcRequestName } from './messages.js';

/** What answers the daemon's questions. A throw refuses one with its code. */
export type IpcHandlers = {
  [N in IpcRequestName]: (question: Extract<IpcRequest, { type: N }>) => Promise<IpcResponse<N>>;
};

export interface WorkerIpcServerOptions {
  socket: string;
  handlers: IpcHandlers;
  /** What a daemon hears first. */
  hello(): Extract<IpcNotification, { type: 'hello' }>;
  /** The last daemon has gone: killed, or stopped. */
  onDaemonGone(): void;
  log: Logger;
}

/** The worker's end: it listens, so that a daemon that was killed and started again finds it. */
export class WorkerIpcServer {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly options: WorkerIpcServerOptions,
  ) {
    server.on('connection', (socket) => this.accept(socket));
  }

  static async listen(options: WorkerIpcServerOptions): Promise<WorkerIpcServer> {
    const server = createServer();
    const link = new WorkerIpcServer(server, options);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.socket, resolve);
    });
    chmodSync(options.socket, 0o600);
    return link;
  }

  /** How many daemons listen: one, or none. */
  get listeners(): number {
    return this.sockets.size;
  }

  notify(notice: IpcNotification): void {
    for (const socket of this.sockets) this.send(socket, notice);
  }

  /** Says what is still to be said, then closes. */
  async close(): Promise<void> {
    for (const socket of this.sockets) socket.end();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private accept(socket: Socket): void {
    const reader = new FrameReader();
    this.sockets.add(socket);
    socket.on('error', (error) => this.options.log.debug({ err: error }, 'link to the daemon broke'));
    socket.on('close', () => {
      this.sockets.delete(socket);
      if (this.sockets.size === 0) this.options.onDaemonGone();
    });
    socket.on('data', (chunk) => {
      try {
        for (const message of reader.push(chunk)) void this.answer(socket, message as IpcRequest);
      } catch (error) {
        this.options.log.warn({ err: error }, 'the daemon sent what is no message');
        socket.destroy();
      }
    });
    this.send(socket, this.options.hello());
  }

  private async answer(socket: Socket, question: IpcRequest): Promise<void> {
    const { type, ref } = question;
    try {
      const answerer = this.options.handlers[type] as (question: IpcRequest) => Promise<unknown>;
      this.send(socket, { type: 'reply', ref, answer: await answerer(question) });
    } catch (error) {
      this.options.log.warn({ err: error, question: type }, 'a question of the daemon was refused');
      this.send(socket, { type: 'refused', ref, error: toErrorInfo(error) });
    }
  }

  private send(socket: Socket, message: WorkerMessage): void {
    if (socket.writable) socket.write(frame(message));
  }
}
