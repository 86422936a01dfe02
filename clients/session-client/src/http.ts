import {
  CLIENT,
  CodedError,
  errorInfo,
  toErrorInfo,
  isErrorCode,
  isMap,
  PAGE_TOKEN,
  SHARE_TOKEN,
  traceFields,
  type ErrorCode,
  type ErrorInfo,
  type TraceContext,
} from '@pizzapi/protocol';

/**
 * What came of a request: the answer, or what went wrong and what to do about it. Never a rejection. `status` is 0 when
 * there was no answer at all; `retryAfterMs` is there when the gateway said when to try again.
 */
export type ApiResult<T> = { kind: 'ok'; value: T; status: number } | Failed;
export interface Failed {
  kind: 'failed';
  error: ErrorInfo;
  status: number;
  retryAfterMs?: number;
}

export interface ApiOptions {
  /** The gateway's address; '' asks the page's own origin. */
  url: string;
  /** A share token or API key; without one the browser's cookie speaks. */
  token?: string;
  /** A person at a terminal sends the requests. */
  client?: 'terminal';
  /** What a page shows beside its cookie: asked for at every request, since a person may sign in meanwhile. */
  pageToken?: () => string | undefined;
  /** The token of a share link beside the own credential: the person is its guest, under the name of the account. */
  shareToken?: string;
  fetch?: typeof globalThis.fetch;
  /** How long a request may take, in ms. Default 30 s: a spawn is answered within 10 s. */
  timeoutMs?: number;
}

export interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  /** Sent as it is instead of `body`. */
  raw?: { bytes: Blob | Uint8Array<ArrayBuffer>; mediaType: string };
  /** Makes it safe to send the request again, which happens by itself while the gateway cannot confirm it. */
  idempotencyKey?: string | undefined;
  /** The trace that begins with this request. */
  trace?: TraceContext;
  read?: (response: Response) => Promise<unknown>;
  /** How long it may take, instead of the time of the API, in ms. */
  timeoutMs?: number;
  /** Ends the request, also at the gateway. */
  signal?: AbortSignal | undefined;
  /** A field that the answer of a gateway has. Without it another program answers. */
  needs?: string;
}

/** Sends one request. */
export type ApiSend = <T>(path: string, request?: Request) => Promise<ApiResult<T>>;

export const post = (body?: unknown): Request => ({ method: 'POST', ...(body === undefined ? {} : { body }) });
export const put = (body: unknown): Request => ({ method: 'PUT', body });
export const patch = (body: unknown): Request => ({ method: 'PATCH', body });
export const needing = (needs: string, request: Request = {}): Request => ({ ...request, needs });
export const DELETE: Request = { method: 'DELETE' };

/** What a path may hold of an id or of anything else that comes from outside. */
export const id = encodeURIComponent;

/** Answers after which a request with a key is sent again, and the pauses before that, in ms. */
const NOT_NOW: readonly ErrorCode[] = ['unconfirmed', 'unavailable'];
const REPEAT_AFTER_MS = [500, 1_500];

export function createSend({
  url,
  token,
  client,
  pageToken,
  shareToken,
  fetch,
  timeoutMs = 30_000,
}: ApiOptions): ApiSend {
  const base = url.replace(/^ws/, 'http').replace(/\/+$/, '');

  async function send<T>(path: string, request: Request = {}): Promise<ApiResult<T>> {
    for (const pauseMs of request.idempotencyKey === undefined ? [] : REPEAT_AFTER_MS) {
      const result = await sendOnce<T>(path, request);
      if (result.kind === 'ok' || !NOT_NOW.includes(result.error.code)) return result;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return sendOnce(path, request);
  }

  async function sendOnce<T>(path: string, request: Request): Promise<ApiResult<T>> {
    const { method = 'GET', body, raw, idempotencyKey, trace, read = json, needs } = request;
    const late = AbortSignal.timeout(request.timeoutMs ?? timeoutMs);
    if ([token, shareToken].some((one) => one !== undefined && !isToken(one)))
      return { kind: 'failed', status: 0, error: malformedToken() };
    const headers: Record<string, string> = {};
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    const shown = token === undefined ? pageToken?.() : undefined;
    if (shown !== undefined) headers[PAGE_TOKEN.header] = shown;
    if (client !== undefined) headers[CLIENT.header] = client;
    if (shareToken !== undefined) headers[SHARE_TOKEN.header] = shareToken;
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (raw !== undefined) headers['content-type'] = raw.mediaType;
    if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
    if (trace !== undefined) Object.assign(headers, traceFields(trace));
    let status = 0;
    try {
      const payload = raw?.bytes ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await (fetch ?? globalThis.fetch)(base + path, {
        method,
        headers,
        ...(payload === undefined ? {} : { body: payload }),
        signal: request.signal === undefined ? late : AbortSignal.any([request.signal, late]),
      });
      status = response.status;
      if (!response.ok) return { kind: 'failed', status, error: await errorOf(response), ...retryAfter(response) };
      const value = await read(response);
      if (needs !== undefined && !(isMap(value) && needs in value))
        throw new SyntaxError('not the answer of a gateway');
      return { kind: 'ok', status, value: value as T };
    } catch (cause) {
      if (cause instanceof SyntaxError) return { kind: 'failed', status, error: notAGateway(base) };
      // A fetch of ours says what is wrong with the certificate.
      if (cause instanceof CodedError) return { kind: 'failed', status, error: toErrorInfo(cause) };
      const what = `${base === '' ? 'The gateway' : base} did not answer${reasonOf(cause)}`;
      return { kind: 'failed', status, error: errorInfo('gateway_unreachable', what) };
    }
  }
  return send;
}

async function json(response: Response): Promise<unknown> {
  const text = await response.text();
  return text === '' ? undefined : JSON.parse(text);
}

/** The error of an answer; one that is not ours (a proxy's page) is named by its status. */
async function errorOf(response: Response): Promise<ErrorInfo> {
  const body: unknown = await response.json().catch(() => undefined);
  const error = isMap(body) ? body['error'] : undefined;
  if (isMap(error) && typeof error['message'] === 'string') {
    const { code, message, commandId, details } = error;
    const named = {
      ...(typeof commandId === 'string' ? { commandId } : {}),
      ...(details === undefined ? {} : { details }),
    };
    return { code: isErrorCode(code) ? code : 'internal', message, ...named };
  }
  const { status, url } = response;
  if (status === 401) return errorInfo('unauthenticated', 'The server answered 401');
  if (status === 403) return errorInfo('forbidden', 'The server answered 403');
  // A proxy answers so for a gateway that is away.
  if (status >= 500) return errorInfo('gateway_unreachable', `The server answered ${status}`);
  return notAGateway(URL.canParse(url) ? new URL(url).origin : '');
}

function notAGateway(base: string): ErrorInfo {
  return errorInfo('not_a_gateway', `${base === '' ? 'The server' : base} did not answer as a PizzaPi gateway does`);
}

/** Whether a text can be a key, a share token or the token of a local run: none of them has another character. */
export function isToken(text: string): boolean {
  return /^[\w.~+-]+$/.test(text);
}

/** The error for a credential with a space or another character that no key has. Does not quote it. */
export function malformedToken(): ErrorInfo {
  return errorInfo('unauthenticated', 'The key holds a space or another character that no key has; copy it again');
}

/** `Retry-After` in seconds; the date that a proxy may send instead is not read. */
function retryAfter(response: Response): Pick<Failed, 'retryAfterMs'> {
  const header = response.headers.get('retry-after');
  return header !== null && /^\d{1,6}$/.test(header) ? { retryAfterMs: Number(header) * 1_000 } : {};
}

function reasonOf(cause: unknown): string {
  const reason = (cause as { cause?: { code?: unknown } } | null)?.cause?.code;
  if (typeof reason === 'string') return ` (${reason})`;
  return (cause as { name?: unknown } | null)?.name === 'TimeoutError' ? ' in time' : '';
}

/** `?a=1&b=2`, or nothing; what is undefined is left out. */
export function queryOf(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const parameters = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}
