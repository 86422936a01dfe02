import {
  createServer as createHttp,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeBrowserKeys, senderProblem } from './browserPush.js';
import { makeCertificate } from './certificate.js';

export interface ReceivedRequest<T> {
  headers: IncomingHttpHeaders;
  body: T;
}

/** What came, in order, and a way to wait for it. */
export class Mailbox<T> {
  readonly all: ReceivedRequest<T>[] = [];
  private readonly waiting = new Set<() => void>();

  put(one: ReceivedRequest<T>): void {
    this.all.push(one);
    for (const look of [...this.waiting]) look();
  }

  /** The one that came as number `count`, from 1. */
  async nth(count = 1): Promise<ReceivedRequest<T>> {
    while (this.all.length < count) {
      await new Promise<void>((resolve) => {
        const look = () => (this.waiting.delete(look), resolve());
        this.waiting.add(look);
      });
    }
    return this.all[count - 1]!;
  }
}

/** How a receiver answers next. */
export interface ReceiverAnswer {
  status: number;
  headers?: Readonly<Record<string, string>>;
}

interface Receiver {
  /** Answers to the next requests, in this order; then it takes what comes. */
  readonly answers: ReceiverAnswer[];
  /** Requests so far, whatever was answered. */
  readonly requests: () => number;
  stop(): Promise<void>;
}

export interface WebhookReceiver extends Receiver {
  readonly url: string;
  readonly posts: Mailbox<string>;
  /** What it answers waits for this. */
  hold?: Promise<void>;
}

/** A real HTTP server that takes posts. */
export async function startWebhook(): Promise<WebhookReceiver> {
  const posts = new Mailbox<string>();
  const { answers, handle, requests } = answering((request, body) => {
    posts.put({ headers: request.headers, body: body.toString() });
    return undefined;
  });
  const server = createHttp(
    (request, response) => void Promise.resolve(hook.hold).then(() => handle(request, response)),
  );
  const { origin, stop } = await listening(server, 'http');
  const hook: WebhookReceiver = { url: `${origin}/topic`, posts, answers, requests, stop };
  return hook;
}

/** A browser that was subscribed. */
export interface Subscriber<T> {
  /** What the browser gives the page: `PushSubscription.toJSON()`. */
  subscription: { endpoint: string; keys: { p256dh: string; auth: string } };
  /** What it was pushed, decrypted. */
  pushes: Mailbox<T>;
}

export interface PushService extends Receiver {
  /** The certificate to trust, PEM. */
  readonly ca: string;
  /** A new browser, subscribed for who has this key (base64url). */
  subscribe<T = unknown>(applicationServerKey: string): Subscriber<T>;
}

/** A real push service over https on the loopback address: it checks who sends as the real ones do. */
export async function startPushService(): Promise<PushService> {
  const { cert, key } = makeCertificate();
  const browsers = new Map<string, (request: IncomingMessage, body: Buffer) => ReceiverAnswer | undefined>();
  const { answers, handle, requests } = answering((request, body) => {
    const browser = browsers.get(request.url ?? '');
    return browser === undefined ? { status: 410 } : browser(request, body);
  });
  const { origin, stop } = await listening(createHttps({ cert, key }, handle), 'https');
  return {
    ...{ ca: cert, answers, requests, stop },
    subscribe<T>(applicationServerKey: string) {
      const path = `/push/${crypto.randomUUID()}`;
      const { keys, decrypt } = makeBrowserKeys();
      const pushes = new Mailbox<T>();
      browsers.set(path, ({ headers }, body) => {
        const problem = senderProblem(headers.authorization, origin, applicationServerKey);
        if (problem !== undefined) return { status: 403 };
        if (headers['content-encoding'] !== 'aes128gcm' || headers['ttl'] === undefined) return { status: 400 };
        pushes.put({ headers, body: JSON.parse(decrypt(body)) as T });
        return undefined;
      });
      return { subscription: { endpoint: origin + path, keys }, pushes };
    },
  };
}

/** Answers as it was told, or else as `take` says: undefined is 201. */
function answering(take: (request: IncomingMessage, body: Buffer) => ReceiverAnswer | undefined) {
  const answers: ReceiverAnswer[] = [];
  let count = 0;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      count++;
      const { status, headers = {} } = answers.shift() ?? take(request, Buffer.concat(parts)) ?? { status: 201 };
      response.writeHead(status, headers).end('thank you');
    });
  };
  return { answers, handle, requests: () => count };
}

async function listening(server: Server | ReturnType<typeof createHttp>, scheme: string) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${scheme}://127.0.0.1:${port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
