import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { toErrorInfo } from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import { frame, FrameReader } from './frames.js';
import type { AnswerTo, FromWorker, Notice, Question, QuestionName } from './messages.js';

/** What answers the daemon's questions. A throw refuses one with its code. */
export type Answerers = {
  [N in QuestionName]: (question: Extract<Question, { type: N }>) => Promise<AnswerTo<N>>;
};

export interface LinkServerOptions {
  socket: string;
  answerers: Answerers;
  /** What a daemon hears first. */
  hello(): Extract<Notice, { type: 'hello' }>;
  /** The last daemon has gone: killed, or stopped. */
  onAlone(): void;
  log: Logger;
}

/** The worker's end: it listens, so that a daemon that was killed and started again finds it. */
export class LinkServer {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly options: LinkServerOptions,
  ) {
    server.on('connection', (socket) => this.accept(socket));
  }

  static async listen(options: LinkServerOptions): Promise<LinkServer> {
    const server = createServer();
    const link = new LinkServer(server, options);
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

  tell(notice: Notice): void {
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
      if (this.sockets.size === 0) this.options.onAlone();
    });
    socket.on('data', (chunk) => {
      try {
        for (const message of reader.push(chunk)) void this.answer(socket, message as Question);
      } catch (error) {
        this.options.log.warn({ err: error }, 'the daemon sent what is no message');
        socket.destroy();
      }
    });
    this.send(socket, this.options.hello());
  }

  private async answer(socket: Socket, question: Question): Promise<void> {
    const { type, ref } = question;
    try {
      const answerer = this.options.answerers[type] as (question: Question) => Promise<unknown>;
      this.send(socket, { type: 'reply', ref, answer: await answerer(question) });
    } catch (error) {
      this.options.log.warn({ err: error, question: type }, 'a question of the daemon was refused');
      this.send(socket, { type: 'refused', ref, error: toErrorInfo(error) });
    }
  }

  private send(socket: Socket, message: FromWorker): void {
    if (socket.writable) socket.write(frame(message));
  }
}
