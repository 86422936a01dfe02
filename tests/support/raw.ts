import { decodeMany, encode, SUBPROTOCOL } from '@pizzapi/protocol';
import WebSocket from 'ws';
import type { LocalStack } from './localStack.js';
import { until } from './until.js';

export type RawFrame = { type: string } & Record<string, unknown>;

/** A connection that speaks frames and knows nothing of sessions: what a client is built on, or a bad one. */
export interface RawSocket {
  ws: WebSocket;
  frames: RawFrame[];
  /** The code it was closed with, once it is. */
  closed: Promise<number>;
  send(frame: object): void;
  /** The first frame that fits, once it comes. */
  heard(type: string, fits?: (frame: RawFrame) => boolean): Promise<RawFrame>;
}

/** Opens `/ws/…` of a stage. `onFrame` is told of every frame, in order. */
export function connectRaw(
  stage: Pick<LocalStack, 'url' | 'token'>,
  path: string,
  onFrame: (frame: RawFrame) => void = () => undefined,
): RawSocket {
  const ws = new WebSocket(stage.url.replace(/^http/, 'ws') + path, [SUBPROTOCOL.msgpack, `bearer.${stage.token}`]);
  const frames: RawFrame[] = [];
  ws.on('message', (data: Buffer) => {
    for (const frame of decodeMany(data) as RawFrame[]) {
      frames.push(frame);
      onFrame(frame);
    }
  });
  ws.on('error', () => undefined);
  return {
    ws,
    frames,
    closed: new Promise((resolve) => ws.once('close', resolve)),
    send: (frame) => ws.send(encode(frame)),
    heard: (type, fits = () => true) =>
      until(`a frame ${type}`, () => frames.find((frame) => frame.type === type && fits(frame))),
  };
}

/** What an upgrade that is refused is answered with. */
export function refusedUpgrade(
  stage: Pick<LocalStack, 'url' | 'token'>,
  path: string,
  token = stage.token,
): Promise<{ status: number; body: string }> {
  const ws = new WebSocket(stage.url.replace(/^http/, 'ws') + path, [SUBPROTOCOL.msgpack, `bearer.${token}`]);
  return new Promise((resolve, reject) => {
    ws.on('open', () => reject(new Error(`${path} was opened`)));
    ws.on('error', () => undefined);
    ws.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
  });
}
