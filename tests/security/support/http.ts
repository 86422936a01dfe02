import { PAGE_NAME } from '@pizzapi/protocol';
import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The code of an error in our shape, or undefined. */
  code: string | undefined;
  /** The body as JSON; undefined for what is none. */
  json: unknown;
}

export interface HttpRequest {
  method?: string;
  headers?: OutgoingHttpHeaders;
  /** Becomes `Authorization: Bearer …`. */
  bearer?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: string | Buffer;
  /** On a connection of its own: for what makes the other side close it. */
  alone?: boolean;
}

/** Where people open the page of a gateway that nobody has named and that programs reach at `url`. */
export const pageOf = (url: string): string => `http://${PAGE_NAME}:${new URL(url).port}`;

/** What a request from the page of a gateway says by itself, whoever sits in front of it. */
export const fromPageOf = (url: string): { host: string; origin: string } => ({
  host: new URL(pageOf(url)).host,
  origin: pageOf(url),
});

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/**
 * One request, exactly as it is written: neither the path nor a header is put right on the way, as `fetch` would. An
 * answer that ends early, because the other side would not read on, counts.
 */
export function ask(
  url: string,
  path: string,
  { method, headers, bearer, json, body, alone = false }: HttpRequest = {},
): Promise<HttpAnswer> {
  const { hostname, port } = new URL(url);
  const payload = json === undefined ? body : JSON.stringify(json);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{
          agent: alone ? false : agent,
          hostname,
          port,
          path,
          method: method ?? (payload === undefined ? 'GET' : 'POST'),
        },
        headers: {
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...headers,
        },
      },
      (response) => {
        let text = '';
        const done = () => resolve(answerOf(response.statusCode ?? 0, response.headers, text));
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', done);
        response.on('error', done);
      },
    );
    sent.on('error', reject);
    sent.end(payload);
  });
}

function answerOf(status: number, headers: IncomingHttpHeaders, text: string): HttpAnswer {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const { code } = (json as { error?: { code?: string } } | undefined)?.error ?? {};
  return { status, headers, text, code, json };
}

/** The value of the cookie that an answer sets, with its name: what a browser sends back. */
export function cookieOf({ headers }: HttpAnswer): string {
  const [first] = headers['set-cookie'] ?? [];
  if (first === undefined) throw new Error('No cookie was set');
  return first.split(';', 1)[0]!;
}
