import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  concat,
  decode,
  defaultMetaState,
  encode,
  errorInfo,
  ERRORS,
  initialSessionInfo,
  type ErrorCode,
  type HubDownFrame,
  type ViewerDownFrame,
} from '@pizzapi/protocol';
import { WebSocketServer, type WebSocket } from 'ws';

export const SID = 's1';

type Up = {
  type: string;
  ref?: string;
  key?: string;
  traceparent?: string;
  after?: number;
  tail?: number;
  sessionId?: string;
  visible?: boolean;
};

/** A log that several scripted gateways serve, as several real ones serve one stream. Offsets are not contiguous. */
export class ScriptedLog {
  readonly events: { seq: number; event: object }[] = [];
  readonly gateways = new Set<ScriptedGateway>();
  #next = 10;

  append(...events: object[]): void {
    const stored = events.map((event) => ({ seq: (this.#next += 3), event }));
    this.events.push(...stored);
    for (const gateway of this.gateways) gateway.send(...stored.map((entry) => ({ type: 'event', ...entry }) as const));
  }

  get head(): number {
    return this.events.at(-1)?.seq ?? 0;
  }
  get first(): number {
    return this.events[0]?.seq ?? 0;
  }
}

/** Speaks the frames of a gateway over real sockets and does, beyond that, only what a test tells it to. */
export class ScriptedGateway {
  /** Frames that came in, over all connections. */
  readonly received: Up[] = [];
  readonly upgrades: IncomingMessage[] = [];
  /** What happens to inputs and commands. */
  answer: 'ack' | 'refuse' | 'unconfirmed' | 'nothing' = 'ack';
  refuseWith: ErrorCode | undefined;
  pongs = true;
  /** Whether it says that it reads keys, as a gateway of an earlier version does not. */
  keys = true;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #log: ScriptedLog;
  readonly #live = new Set<WebSocket>();

  constructor(log = new ScriptedLog()) {
    this.#log = log;
    log.gateways.add(this);
    this.#http = createServer((request, response) => this.#request(request, response));
    this.#sockets = new WebSocketServer({ noServer: true });
    this.#http.on('upgrade', (request, socket: Socket, head) => {
      const refusal = this.refuseWith;
      if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${ERRORS[refusal].status} No\r\n\r\n`);
      this.upgrades.push(request);
      this.#sockets.handleUpgrade(request, socket, head, (ws) =>
        this.#greet(ws, (request.url ?? '').split('?', 1)[0]!),
      );
    });
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#http.listen(port, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  get connections(): number {
    return this.#sockets.clients.size;
  }

  /** All frames in one WebSocket message, to every viewer that has been brought up to date. */
  send(...frames: (ViewerDownFrame | HubDownFrame)[]): void {
    for (const ws of this.#live) write(ws, frames);
  }

  /** One message of these bytes, whatever they are. */
  sendBytes(bytes: Uint8Array): void {
    for (const ws of this.#live) ws.send(bytes);
  }

  /** Cuts every connection, as a dead network does. */
  drop(): void {
    for (const ws of this.#sockets.clients) ws.terminate();
    this.#live.clear();
  }

  closeAll(code: number, reason = ''): void {
    for (const ws of this.#sockets.clients) ws.close(code, reason);
    this.#live.clear();
  }

  async stop(): Promise<void> {
    this.#log.gateways.delete(this);
    this.drop();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #greet(ws: WebSocket, path: string): void {
    ws.on('message', (data: Buffer) => this.#up(ws, frameOf(data)));
    if (path !== `/ws/sessions/${SID}`) {
      this.#live.add(ws);
      write(ws, [
        path === '/ws/hub'
          ? { type: 'sessions', sessions: [initialSessionInfo(SID)] }
          : { type: 'runners', runners: [] },
      ]);
      return;
    }
    const session = { ...initialSessionInfo(SID), name: 'from the projection', host: 'connected' as const };
    const { head, first } = this.#log;
    write(ws, [
      {
        type: 'hello',
        protocol: 1,
        sessionId: SID,
        mode: 'owner',
        session,
        meta: defaultMetaState(),
        head,
        first,
        ...(this.keys ? { keys: true } : {}),
      },
    ]);
  }

  #up(ws: WebSocket, frame: Up): void {
    this.received.push(frame);
    if (frame.type === 'resume') return this.#resume(ws, frame);
    if (frame.type === 'ping' && this.pongs) return write(ws, [{ type: 'pong' }]);
    if (frame.ref === undefined || this.answer === 'nothing') return;
    const { ref } = frame;
    const commandId = `${frame.key ?? ref}_id`;
    if (this.answer === 'ack') return write(ws, [{ type: 'ack', ref, commandId }]);
    if (this.answer === 'unconfirmed')
      return write(ws, [{ type: 'error', ref, ...errorInfo('unconfirmed'), commandId }]);
    write(ws, [{ type: 'error', ref, code: 'host_lost', message: 'The host is away.' }]);
  }

  #resume(ws: WebSocket, { after, tail }: Up): void {
    const { events, head, first } = this.#log;
    const gone = after !== undefined && (after > head || after < first - 1);
    const wanted = tail === undefined ? events.filter(({ seq }) => gone || seq > (after ?? 0)) : events.slice(-tail);
    write(ws, [
      ...(gone ? [{ type: 'reset', reason: after > head ? 'future' : 'expired', first } as const] : []),
      ...wanted.map((entry) => ({ type: 'event', ...entry }) as const),
      { type: 'live', seq: head },
    ]);
    this.#live.add(ws);
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://gateway');
    if (this.refuseWith !== undefined) {
      response.writeHead(ERRORS[this.refuseWith].status, { 'content-type': 'application/json' });
      return void response.end(JSON.stringify({ error: errorInfo(this.refuseWith) }));
    }
    const before = Number(url.searchParams.get('before'));
    const page = this.#log.events.filter(({ seq }) => seq < before).slice(-Number(url.searchParams.get('limit')));
    response.end(page.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
}

function write(ws: WebSocket, frames: readonly object[]): void {
  if (ws.protocol === 'pizzapi.v1.json') for (const frame of frames) ws.send(JSON.stringify(frame));
  else ws.send(concat(frames.map((frame) => encode(frame))));
}

function frameOf(data: Buffer): Up {
  const text = data[0] === 0x7b;
  return (text ? JSON.parse(data.toString()) : decode(data)) as Up;
}
