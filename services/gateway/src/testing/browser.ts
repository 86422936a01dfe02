import { request } from 'node:http';
import { PAGE_NAME, PAGE_TOKEN } from '@pizzapi/protocol';

/** The page of a gateway that listens on this machine. */
export const pageOf = (url: string): string => `http://${PAGE_NAME}:${new URL(url).port}`;

export interface AskInit {
  method?: string;
  headers?: Headers;
  body?: string;
  /** Where the gateway listens, when the address does not say so. */
  port?: number;
}

/** A request to this machine, under whatever name: `fetch` finds no `.localhost` everywhere, and lets nobody set `Host`. */
export function askAt(url: string, init: AskInit = {}): Promise<Response> {
  const { host, pathname, search, port: named } = new URL(url);
  const port = init.port ?? named;
  const headers = Object.fromEntries(init.headers ?? []);
  return new Promise((resolve, reject) => {
    const target = { hostname: '127.0.0.1', port, path: pathname + search, method: init.method ?? 'GET' };
    const sent = request({ ...target, headers: { host, ...headers } }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const status = incoming.statusCode ?? 0;
        const answered = new Headers();
        for (let i = 0; i < incoming.rawHeaders.length; i += 2)
          answered.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
        resolve(new Response(status === 204 ? null : Buffer.concat(chunks), { status, headers: answered }));
      });
    });
    sent.on('error', reject);
    sent.end(init.body);
  });
}

/** A browser as the gateway sees one: on the page of its own name, with the cookies and the token that it is given. */
export class Browser {
  /** The login's, `<name>=<value>`. */
  cookie: string | undefined;
  /** By which it is known as one that has signed in before. */
  device: string | undefined;
  /** Of a sign-in through an issuer that it has begun. */
  pending: string | undefined;
  pageToken: string | undefined;
  readonly page: string;

  constructor(
    url: string,
    private readonly headers: Record<string, string> = {},
    /** Where the gateway listens that a load balancer sends it to; that of `url` without one. */
    public port: number | undefined = undefined,
  ) {
    this.page = pageOf(url);
  }

  /** What it sends by itself, as the page has it send it. */
  get shown(): Record<string, string> {
    const cookies = [this.cookie, this.device, this.pending].filter((cookie) => cookie !== undefined);
    return {
      origin: this.page,
      ...(cookies.length === 0 ? {} : { cookie: cookies.join('; ') }),
      ...(this.pageToken === undefined ? {} : { [PAGE_TOKEN.header]: this.pageToken }),
    };
  }

  /** `json` makes it a POST. */
  async fetch(path: string, json?: unknown, method = json === undefined ? 'GET' : 'POST'): Promise<Response> {
    const headers = new Headers({ ...this.headers, ...this.shown });
    if (json !== undefined) headers.set('content-type', 'application/json');
    const body = json === undefined ? {} : { body: JSON.stringify(json) };
    const answer = await askAt(this.page + path, {
      method,
      headers,
      ...body,
      ...(this.port === undefined ? {} : { port: this.port }),
    });
    for (const set of answer.headers.getSetCookie()) {
      const cookie = /; Max-Age=0;/.test(set) ? undefined : set.split(';', 1)[0];
      if (/^(__Host-)?pizzapi=/.test(set)) this.cookie = cookie;
      else if (set.startsWith('pizzapi-oidc=')) this.pending = cookie;
      else this.device = cookie;
    }
    const { pageToken } = (await answer
      .clone()
      .json()
      .catch(() => ({}))) as { pageToken?: string };
    this.pageToken = pageToken ?? this.pageToken;
    return answer;
  }

  /** What an answer says: its status, and its error's code where it has one. */
  async ask(path: string, json?: unknown, method?: string): Promise<{ status: number; code?: string; body: unknown }> {
    const answer = await this.fetch(path, json, method);
    const text = await answer.text();
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const { error } = (body ?? {}) as { error?: { code: string } };
    return { status: answer.status, ...(error === undefined ? {} : { code: error.code }), body };
  }
}
