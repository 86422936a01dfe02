import {
  errorInfo,
  isErrorCode,
  isMap,
  type BlobRef,
  type CommandBody,
  type CommandReply,
  type ErrorInfo,
  type EventsQuery,
  type InputBody,
  type Me,
  type NewSessionBody,
  type NewSessionReply,
  type RunnerInfo,
  type SessionInfo,
  type SessionMetaState,
  type SessionReply,
} from '@pizzapi/protocol';

/** What came of a request: the answer, or what went wrong and what to do about it. Never a rejection. */
export type Result<T> = { kind: 'ok'; value: T; status: number } | { kind: 'failed'; error: ErrorInfo; status: number };

/** One event with its offset, as `GET /api/sessions/:sid/events` lists it. */
export interface ListedEvent {
  seq: number;
  event: unknown;
}

export interface ApiOptions {
  /** The gateway's address; '' asks the page's own origin. */
  url: string;
  /** A share token or API key; without one the browser's cookie speaks. */
  token?: string;
  fetch?: typeof globalThis.fetch;
  /** How long a request may take, in ms. Default 30 s: a spawn is answered within 10 s. */
  timeoutMs?: number;
}

/** How often a request is sent at most once: the same key is the same command, however often it is sent. */
export interface SendOptions {
  idempotencyKey?: string;
}

export interface Folders {
  folders: string[];
}

interface Request {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: unknown;
  /** Sent as it is instead of `body`. */
  raw?: { bytes: Blob | Uint8Array<ArrayBuffer>; mediaType: string };
  idempotencyKey?: string | undefined;
  read?: (response: Response) => Promise<unknown>;
}

const id = encodeURIComponent;

/** The gateway's HTTP API, typed. `status` is 0 when there was no answer at all. */
export function createApi(options: ApiOptions) {
  const { token, timeoutMs = 30_000 } = options;
  const base = options.url.replace(/^ws/, 'http').replace(/\/+$/, '');

  async function send<T>(path: string, request: Request = {}): Promise<Result<T>> {
    const { method = 'GET', body, raw, idempotencyKey, read = json } = request;
    const headers: Record<string, string> = {};
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (raw !== undefined) headers['content-type'] = raw.mediaType;
    if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
    const fetch = options.fetch ?? globalThis.fetch;
    let status = 0;
    try {
      const payload = raw?.bytes ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await fetch(base + path, {
        method,
        headers,
        ...(payload === undefined ? {} : { body: payload }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      status = response.status;
      if (!response.ok) return { kind: 'failed', status, error: await errorOf(response) };
      return { kind: 'ok', status, value: (await read(response)) as T };
    } catch (cause) {
      const what = `${base === '' ? 'The gateway' : base} did not answer${reasonOf(cause)}`;
      return { kind: 'failed', status, error: errorInfo('gateway_unreachable', what) };
    }
  }

  const session = (sid: string, rest = '') => `/api/sessions/${id(sid)}${rest}`;

  return {
    /** Trades the token of a one-time link for the cookie. */
    login: (token: string) => send<unknown>('/api/auth/link', { method: 'POST', body: { token } }),
    logout: () => send<unknown>('/api/auth/logout', { method: 'POST' }),
    me: () => send<Me>('/api/auth/me'),

    runners: () => send<{ runners: RunnerInfo[] }>('/api/runners'),
    runner: (rid: string) => send<{ runner: RunnerInfo }>(`/api/runners/${id(rid)}`),
    /** Folders on a runner that begin with `path`, for completion. */
    folders: (rid: string, path: string) => send<Folders>(`/api/runners/${id(rid)}/folders?path=${id(path)}`),

    sessions: () => send<{ sessions: SessionInfo[] }>('/api/sessions'),
    session: (sid: string) => send<SessionReply>(session(sid)),
    /** `status` 201: it runs. 202: the runner took the command and has not answered yet. */
    createSession: (body: NewSessionBody, options: SendOptions = {}) =>
      send<NewSessionReply>('/api/sessions', { method: 'POST', body, idempotencyKey: options.idempotencyKey }),
    /** Ends the session if it runs, and deletes its log. */
    deleteSession: (sid: string) => send<unknown>(session(sid), { method: 'DELETE' }),
    input: (sid: string, body: InputBody, options: SendOptions = {}) =>
      send<CommandReply>(session(sid, '/input'), { method: 'POST', body, idempotencyKey: options.idempotencyKey }),
    command: (sid: string, body: CommandBody, options: SendOptions = {}) =>
      send<CommandReply>(session(sid, '/commands'), { method: 'POST', body, idempotencyKey: options.idempotencyKey }),
    meta: (sid: string) => send<{ state: SessionMetaState; lastSeq: number }>(session(sid, '/meta')),
    /** At most `limit` events after `after`, or the last ones before `before`, the oldest first. */
    events: (sid: string, query: EventsQuery = {}) =>
      send<ListedEvent[]>(session(sid, `/events${queryOf(query)}`), { read: ndjson }),

    /** Where a blob can be read, for an `<img src>`. */
    blobUrl: (sid: string, hash: string) => base + session(sid, `/blobs/${id(hash)}`),
    blob: (sid: string, hash: string) =>
      send<Blob>(session(sid, `/blobs/${id(hash)}`), { read: (response) => response.blob() }),
    uploadBlob: (sid: string, bytes: Blob | Uint8Array<ArrayBuffer>, mediaType: string) =>
      send<BlobRef>(session(sid, '/blobs'), { method: 'POST', raw: { bytes, mediaType } }),
  };
}

export type Api = ReturnType<typeof createApi>;

async function json(response: Response): Promise<unknown> {
  const text = await response.text();
  return text === '' ? undefined : JSON.parse(text);
}

async function ndjson(response: Response): Promise<ListedEvent[]> {
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as ListedEvent);
}

/** The error of an answer; one that is not ours (a proxy's page) is named by its status. */
async function errorOf(response: Response): Promise<ErrorInfo> {
  const body: unknown = await response.json().catch(() => undefined);
  const error = isMap(body) ? body['error'] : undefined;
  if (isMap(error) && typeof error['message'] === 'string') {
    return { code: isErrorCode(error['code']) ? error['code'] : 'internal', message: error['message'] };
  }
  const code = response.status === 401 ? 'unauthenticated' : response.status === 403 ? 'forbidden' : 'internal';
  return errorInfo(code, `The server answered ${response.status}`);
}

function reasonOf(cause: unknown): string {
  const reason = (cause as { cause?: { code?: unknown } } | null)?.cause?.code;
  if (typeof reason === 'string') return ` (${reason})`;
  return (cause as { name?: unknown } | null)?.name === 'TimeoutError' ? ' in time' : '';
}

function queryOf(query: EventsQuery): string {
  const parameters = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}
