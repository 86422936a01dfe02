import { decodeMany, encode, SUBPROTOCOL } from '@pizzapi/protocol';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, type ClientOptions } from 'ws';
import { PATIENT } from './patience.js';

export type TestFrame = Record<string, unknown> & { type: string };

/** A real WebSocket client that keeps what it is told. */
export class TestClient {
  readonly ws: WebSocket;
  readonly frames: TestFrame[] = [];
  /** WebSocket messages so far: many frames may come in one. */
  messages = 0;
  readonly opened: Promise<void>;
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(
    url: string,
    token: string,
    private readonly json = false,
    options: ClientOptions = {},
  ) {
    this.ws = new WebSocket(url, [json ? SUBPROTOCOL.json : SUBPROTOCOL.msgpack, `bearer.${token}`], options);
    this.ws.on('message', (data: Buffer, binary) => {
      this.messages++;
      const values = binary ? decodeMany(data) : [JSON.parse(data.toString()) as unknown];
      this.frames.push(...(values as TestFrame[]));
    });
    this.closed = new Promise((resolve) =>
      this.ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    this.opened = new Promise((resolve, reject) => {
      this.ws.on('open', resolve);
      this.ws.on('error', reject);
    });
    this.opened.catch(() => undefined);
  }

  send(frame: object): void {
    this.ws.send(this.json ? JSON.stringify(frame) : encode(frame));
  }

  of(type: string): TestFrame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  get seqs(): number[] {
    return this.of('event').map(({ seq }) => seq as number);
  }

  /** The first frame of a type, waited for. */
  async heard(type: string, ms = PATIENT.timeout): Promise<TestFrame> {
    const deadline = Date.now() + ms;
    while (this.of(type).length === 0) {
      if (Date.now() > deadline)
        throw new Error(`No ${type} came, but ${this.frames.map((frame) => frame.type).join(', ')}`);
      await sleep(5);
    }
    return this.of(type)[0]!;
  }
}

/** The HTTP answer to an upgrade that is refused. */
export function refusal(
  url: string,
  protocols: string[],
  options: ClientOptions = {},
): Promise<{ status: number; code: string }> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, protocols, options);
    ws.on('open', () => reject(new Error('The upgrade was not refused')));
    ws.on('error', () => undefined);
    ws.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        const { error } = JSON.parse(body) as { error: { code: string } };
        resolve({ status: response.statusCode ?? 0, code: error.code });
      });
    });
  });
}
