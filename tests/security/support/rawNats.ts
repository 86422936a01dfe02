import { connect, type Socket } from 'node:net';

export interface NatsMessage {
  subject: string;
  reply: string | undefined;
  headers: string;
  payload: Buffer;
}

/** What the server said to an attempt: nothing against it, or its error. */
export type PublishVerdict = 'ok' | `refused: ${string}`;

export interface RawNatsLogin {
  user?: string;
  pass?: string;
}

/**
 * A client of nats-server that says whatever it is told to (docs.nats.io, "Client Protocol"): what an attacker has, who
 * is held back by no library.
 */
export class RawNats {
  readonly messages: NatsMessage[] = [];
  readonly errors: string[] = [];
  /** Resolves when the server ends the connection. */
  readonly closed: Promise<unknown>;
  private buffered = Buffer.alloc(0);
  private readonly waiting: (() => void)[] = [];
  private subscriptions = 0;

  private constructor(private readonly socket: Socket) {
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => this.read(data));
    socket.on('close', () => this.wake());
  }

  /** Connects; `refused` is what the server says to who may not. */
  static async open(
    natsUrl: string,
    { user, pass }: RawNatsLogin,
  ): Promise<{ kind: 'open'; nats: RawNats } | { kind: 'refused'; error: string }> {
    const { hostname, port } = new URL(natsUrl);
    const socket = connect(Number(port), hostname);
    const nats = new RawNats(socket);
    const login = { ...(user === undefined ? {} : { user }), ...(pass === undefined ? {} : { pass }) };
    const said = { verbose: false, pedantic: false, headers: true, no_responders: true, protocol: 1, lang: 'raw' };
    nats.write(`CONNECT ${JSON.stringify({ ...said, version: '1', name: 'raw', ...login })}\r\n`);
    const verdict = await nats.settled();
    if (verdict === 'ok' && !socket.destroyed) return { kind: 'open', nats };
    socket.destroy();
    return { kind: 'refused', error: nats.errors[0] ?? 'closed' };
  }

  publish(subject: string, payload: string | Uint8Array = '', reply = '', headers = ''): Promise<PublishVerdict> {
    const body = Buffer.from(payload);
    const head = headers === '' ? '' : `NATS/1.0\r\n${headers}\r\n\r\n`;
    const sizes = head === '' ? `${body.length}` : `${head.length} ${head.length + body.length}`;
    const words = [head === '' ? 'PUB' : 'HPUB', subject, ...(reply === '' ? [] : [reply]), sizes];
    this.write(`${words.join(' ')}\r\n${head}`);
    this.socket.write(body);
    this.write('\r\n');
    return this.settled();
  }

  subscribe(subject: string): Promise<PublishVerdict> {
    this.write(`SUB ${subject} ${++this.subscriptions}\r\n`);
    return this.settled();
  }

  close(): void {
    this.socket.destroy();
  }

  private write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Waits until the server has answered all that was said, and tells what it had against it. */
  private async settled(): Promise<PublishVerdict> {
    const before = this.errors.length;
    const answered = new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.socket.destroyed) this.wake();
    else this.write('PING\r\n');
    await answered;
    const error = this.errors.slice(before)[0];
    return error === undefined ? 'ok' : `refused: ${error}`;
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private read(data: Buffer): void {
    this.buffered = Buffer.concat([this.buffered, data]);
    for (;;) {
      const end = this.buffered.indexOf('\r\n');
      if (end < 0) return;
      const [verb, ...words] = this.buffered.toString('latin1', 0, end).split(' ');
      let rest = end + 2;
      if (verb === 'MSG' || verb === 'HMSG') {
        const total = Number(words.at(-1));
        if (this.buffered.length < rest + total + 2) return;
        const headerBytes = verb === 'HMSG' ? Number(words.at(-2)) : 0;
        const body = this.buffered.subarray(rest, rest + total);
        const [subject = '', , reply] = words.slice(0, verb === 'HMSG' ? -2 : -1);
        const headers = body.toString('latin1', 0, headerBytes);
        this.messages.push({ subject, reply, headers, payload: Buffer.from(body.subarray(headerBytes)) });
        rest += total + 2;
      } else if (verb === 'PING') this.write('PONG\r\n');
      else if (verb === 'PONG') this.waiting.shift()?.();
      else if (verb === '-ERR') this.errors.push(words.join(' ').replaceAll("'", ''));
      this.buffered = this.buffered.subarray(rest);
    }
  }
}
