import { request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { AddressRefused, isPublicAddress, literalAddress, publicLookup } from './addresses.js';

/** How long a push service or a webhook may take to answer, in ms. */
export const POST_TIMEOUT_MS = 10_000;
/** The longest pause that an answer may ask for, in ms. */
const MAX_RETRY_AFTER_MS = 5 * 60_000;

/** What may be reached. */
export interface Reach {
  /** Also loopback, link-local and private networks. */
  allowPrivate: boolean;
  /** A certificate (PEM) to trust besides the well-known ones. */
  ca?: string | undefined;
}

/** What became of one try. */
export type Delivery =
  | { kind: 'delivered' }
  /** There is nobody at this address any more. */
  | { kind: 'gone'; message: string }
  /** It will not be taken, however often it is tried. */
  | { kind: 'refused'; message: string }
  /** It may be taken later. */
  | { kind: 'failed'; message: string; retryAfterMs?: number };

export interface PostBody {
  headers: Readonly<Record<string, string | number>>;
  body: Buffer;
}

/**
 * Posts to an address that somebody gave us, once: redirects are not followed, of the answer nothing but its status is
 * read, and an address that may not be reached is refused after its name was resolved, for this very connection.
 */
export function post(url: URL, { headers, body }: PostBody, { allowPrivate, ca }: Reach): Promise<Delivery> {
  const literal = literalAddress(url);
  if (!allowPrivate && literal !== undefined && !isPublicAddress(literal)) return Promise.resolve(refusedAddress(url));
  const options: RequestOptions & { ca?: string } = {
    method: 'POST',
    headers: { ...headers, 'content-length': body.length, 'user-agent': 'PizzaPi' },
    // A connection of its own: none that was opened before to where the name led then.
    agent: false,
    signal: AbortSignal.timeout(POST_TIMEOUT_MS),
    ...(allowPrivate ? {} : { lookup: publicLookup }),
    ...(ca === undefined ? {} : { ca }),
  };
  return new Promise((resolve) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (response) => {
      resolve(deliveryOf(response.statusCode ?? 0, response.headers['retry-after']));
      response.destroy();
    });
    request.on('error', (error) => resolve(failureOf(error, url)));
    request.end(body);
  });
}

function deliveryOf(status: number, retryAfter: string | undefined): Delivery {
  const message = `The server answered ${status}`;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  if (status === 404 || status === 410) return { kind: 'gone', message };
  if (status >= 300 && status < 400) return { kind: 'refused', message: `${message}: redirects are not followed` };
  if (status < 500 && status !== 408 && status !== 429) return { kind: 'refused', message };
  const pause = pauseOf(retryAfter);
  return { kind: 'failed', message, ...(pause === undefined ? {} : { retryAfterMs: pause }) };
}

/** `Retry-After` is seconds or a date. */
function pauseOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS) : undefined;
}

function failureOf(error: Error, url: URL): Delivery {
  if (error instanceof AddressRefused) return refusedAddress(url);
  const { code = error.name } = error as NodeJS.ErrnoException;
  if (code === 'ENOTFOUND') return { kind: 'failed', message: `There is no ${url.hostname}` };
  if (error.name === 'AbortError' || error.name === 'TimeoutError')
    return { kind: 'failed', message: `No answer within ${POST_TIMEOUT_MS / 1_000} s` };
  return { kind: 'failed', message: `No connection (${code})` };
}

const refusedAddress = ({ hostname }: URL): Delivery => ({
  kind: 'refused',
  message: `${hostname} is a private address; PIZZAPI_NOTIFY_PRIVATE allows those`,
});
