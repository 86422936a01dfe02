import { decodeMany, encode, isMap, SUBPROTOCOL } from '@pizzapi/protocol';
import type { OutgoingHttpHeaders } from 'node:http';
import { WebSocket } from 'ws';
import { until } from '../../support/until.js';

export type SocketFrame = { type: string } & Record<string, unknown>;

/** A socket that was let in. */
export interface OpenSocket {
  kind: 'open';
  ws: WebSocket;
  /** The subprotocol that was agreed on, as the server names it. */
  protocol: string;
  frames: SocketFrame[];
  closed: Promise<{ code: number; reason: string }>;
  send(frame: object): void;
  /** The first frame that fits, once it comes. */
  heard(type: string, fits?: (frame: SocketFrame) => boolean): Promise<SocketFrame>;
  close(): void;
}

export type Upgrade = OpenSocket | { kind: 'refused'; status: number; code: string | undefined; body: string };

export interface UpgradeOptions {
  /** Goes as `bearer.…` beside our subprotocol. */
  bearer?: string;
  headers?: OutgoingHttpHeaders;
}

/** Asks for a WebSocket, and says what became of it. */
export function upgrade(url: string, path: string, { bearer, headers = {} }: UpgradeOptions = {}): Promise<Upgrade> {
  const protocols = [SUBPROTOCOL.msgpack, ...(bearer === undefined ? [] : [`bearer.${bearer}`])];
  const ws = new WebSocket(url.replace(/^http/, 'ws') + path, protocols, {
    headers: headers as Record<string, string>,
  });
  const frames: SocketFrame[] = [];
  ws.on('message', (data: Buffer) => frames.push(...framesIn(data)));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  return new Promise((resolve, reject) => {
    ws.on('error', reject);
    ws.on('open', () => {
      ws.on('error', () => undefined);
      resolve({
        ...{ kind: 'open', ws, protocol: ws.protocol, frames, closed },
        send: (frame) => ws.send(encode(frame)),
        heard: (type, fits = () => true) =>
          until(`a frame ${type}`, () => frames.find((frame) => frame.type === type && fits(frame))),
        close: () => ws.terminate(),
      });
    });
    ws.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        const { error } = JSON.parse(body) as { error?: { code: string } };
        resolve({ kind: 'refused', status: response.statusCode ?? 0, code: error?.code, body });
      });
    });
  });
}

/** The frames of a message. One that cannot be read is told as a frame, so that whoever waits sees what came instead. */
function framesIn(data: Buffer): SocketFrame[] {
  try {
    return decodeMany(data).map((frame) => (isMap(frame) ? (frame as SocketFrame) : { type: 'unreadable', frame }));
  } catch (error) {
    return [{ type: 'unreadable', error: String(error) }];
  }
}

/** A socket that has to be let in. */
export async function join(url: string, path: string, options?: UpgradeOptions): Promise<OpenSocket> {
  const outcome = await upgrade(url, path, options);
  if (outcome.kind === 'open') return outcome;
  throw new Error(`${path} was refused: ${outcome.status} ${outcome.body}`);
}

/** Status and code of a refused upgrade; what was let in is closed, and is `open`. */
export async function refusal(url: string, path: string, options?: UpgradeOptions): Promise<string> {
  const outcome = await upgrade(url, path, options);
  if (outcome.kind === 'refused') return `${outcome.status} ${outcome.code}`;
  outcome.close();
  return 'open';
}
