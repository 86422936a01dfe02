import { decodeMany, encode, SUBPROTOCOL } from '@pizzapi/protocol';
import WebSocket from 'ws';
import type { RunningStack } from './localStack.js';
import { until } from './until.js';

export type RawFrame = { type: string } & Record<string, unknown>;

/** A connection that sends and receives frames without the logic of a session client. */
export interface RawSocket {
  ws: WebSocket;
  frames: RawFrame[];
  /** Resolves with the close code. */
  closed: Promise<number>;
  send(frame: object): void;
  /** Waits for the first frame of a type that fits. */
  heard(type: string, fits?: (frame: RawFrame) => boolean): Promise<RawFrame>;
}

/** Opens `/ws/…` of a stack. Calls `onFrame` for every frame, in order. */
export function connectRaw(
  stage: Pick<RunningStack, 'url' | 'token'>,
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

/** Returns the response to an upgrade that is refused. */
export function refusedUpgrade(
  stage: Pick<RunningStack, 'url' | 'token'>,
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
