import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  concat,
  decode,
  defaultMetaState,
  encode,
  initialSessionInfo,
  type ErrorCode,
  errorInfo,
} from '@pizzapi/protocol';
import { WebSocketServer, type WebSocket } from 'ws';

interface Up {
  type: string;
  ref?: string;
  text?: string;
  args?: Record<string, unknown>;
}

/** A gateway with one session, `s1`, whose events a test controls. */
export interface ScriptedSession {
  url: string;
  /** The frames that viewers have sent, except `resume` and `ping`. */
  sent: Up[];
  /** Refuses the next connection with this error, once. */
  refuse: ErrorCode | undefined;
  /** Appends events to the log. */
  append(...events: object[]): void;
  close(): Promise<void>;
}

export async function scriptedSession(): Promise<ScriptedSession> {
  const log: { seq: number; event: object }[] = [];
  const server: Server = createServer();
  const sockets = new WebSocketServer({ server, path: '/ws/sessions/s1' });
  const write = (socket: WebSocket, ...frames: object[]) => socket.send(concat(frames.map((frame) => encode(frame))));
  const head = () => log.at(-1)?.seq ?? 0;
  const session: ScriptedSession = {
    url: '',
    sent: [],
    refuse: undefined,
    append: (...events) => {
      const stored = events.map((event) => ({ seq: log.push({ seq: log.length + 1, event }), event }));
      for (const socket of sockets.clients) write(socket, ...stored.map((entry) => ({ type: 'event', ...entry })));
    },
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  sockets.on('connection', (socket) => {
    const hello = { type: 'hello', protocol: 1, sessionId: 's1', mode: 'owner', meta: defaultMetaState() };
    const info = { ...initialSessionInfo('s1'), host: 'connected' };
    write(socket, { ...hello, session: info, head: head(), first: 1 });
    socket.on('message', (data: Buffer) => {
      const up = decode(data) as Up;
      const { ref } = up;
      if (up.type === 'resume') {
        write(socket, ...log.map((entry) => ({ type: 'event', ...entry })), { type: 'live', seq: head() });
      } else if (up.type === 'ping') write(socket, { type: 'pong' });
      else if (session.refuse !== undefined) {
        write(socket, { type: 'error', ref, ...errorInfo(session.refuse) });
        session.refuse = undefined;
      } else {
        session.sent.push(up);
        write(socket, { type: 'ack', ref, commandId: `c${session.sent.length}` });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(session, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
