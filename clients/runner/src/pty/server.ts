import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '@pizzapi/process';
import { toErrorInfo } from '@pizzapi/protocol';
import { frame, FrameReader } from '../ipc/frames.js';
import type {
  TerminalAnswer,
  TerminalNotice,
  TerminalProcessMessage,
  TerminalRequest,
  TerminalRequestName,
} from './messages.js';

/** What answers the requests of the daemon. A throw refuses one with its code. */
export type TerminalRequestHandlers = {
  [N in TerminalRequestName]: (
    request: Extract<TerminalRequest, { type: N }>,
  ) => Promise<TerminalAnswer<N>> | TerminalAnswer<N>;
};

export interface TerminalServerOptions {
  socket: string;
  handlers: TerminalRequestHandlers;
  hello: () => TerminalNotice;
  /** The daemon has closed its connection, or was killed. */
  onDaemonGone: () => void;
  log: Logger;
}

/** The end of a terminal's process: it listens, so that a daemon that was started again finds it. */
export class TerminalServer {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly options: TerminalServerOptions,
  ) {
    server.on('connection', (socket) => this.accept(socket));
  }

  static async listen(options: TerminalServerOptions): Promise<TerminalServer> {
    const server = createServer();
    const own = new TerminalServer(server, options);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.socket, resolve);
    });
    chmodSync(options.socket, 0o600);
    return own;
  }

  get listeners(): number {
    return this.sockets.size;
  }

  notify(notice: TerminalNotice): void {
    for (const socket of this.sockets) this.send(socket, notice);
  }

  /** Sends what is still to be sent, then closes. */
  async close(): Promise<void> {
    for (const socket of this.sockets) socket.end();
    rmSync(this.options.socket, { force: true });
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private accept(socket: Socket): void {
    const reader = new FrameReader();
    this.sockets.add(socket);
    socket.on('error', (error) => this.options.log.debug({ err: error }, 'the connection to the daemon broke'));
    socket.on('close', () => {
      this.sockets.delete(socket);
      if (this.sockets.size === 0) this.options.onDaemonGone();
    });
    socket.on('data', (chunk) => {
      try {
        for (const message of reader.push(chunk)) void this.answer(socket, message as TerminalRequest);
      } catch (error) {
        this.options.log.warn({ err: error }, 'the daemon sent what is no message');
        socket.destroy();
      }
    });
    this.send(socket, this.options.hello());
  }

  private async answer(socket: Socket, request: TerminalRequest): Promise<void> {
    const { type, ref } = request;
    try {
      const handler = this.options.handlers[type] as (request: TerminalRequest) => unknown;
      this.send(socket, { type: 'reply', ref, answer: await handler(request) });
    } catch (error) {
      this.send(socket, { type: 'refused', ref, error: toErrorInfo(error) });
    }
  }

  private send(socket: Socket, message: TerminalProcessMessage): void {
    if (socket.writable) socket.write(frame(message));
  }
}
