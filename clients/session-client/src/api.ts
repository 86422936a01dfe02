import {
  newId,
  newTraceContext,
  type CommandBody,
  type CommandReply,
  type EventsQuery,
  type DownloadTicketReply,
  type ForgetRunnerReply,
  type InputBody,
  type NewSessionBody,
  type MethodReply,
  type MethodRequest,
  type NewSessionReply,
  type RunnerInfo,
  type RunnerMethod,
  type SessionMetaState,
  type SessionReply,
  type SessionsQuery,
  type SessionsReply,
  type SessionUsageReply,
  type UploadReply,
  type UsageReply,
} from '@pizzapi/protocol';
import { downloadPath, downloadQuery, TRANSFER_MS, uploadPart, type HostFileRef } from './fileRequests.js';
import { createSend, DELETE, id, needing, post, queryOf, type ApiOptions, type Request } from './http.js';
import { notificationsApi } from './notifications.js';
import { accountsApi } from './accountsApi.js';

/** One event with its offset, as `GET /api/sessions/:sid/events` lists it. */
export interface ListedEvent {
  seq: number;
  event: unknown;
}

/** The same key is the same command, however often it is sent. Without one the request gets a new key. */
export interface SendOptions {
  idempotencyKey?: string;
}

export interface Folders {
  folders: string[];
}

/** How long a request to a runner may take: the gateway answers before, in ms. */
const RUNNER_CALL_MS = 40_000;

/** A request that may be sent again: it is carried out at most once. */
const keyed = (body: unknown, { idempotencyKey = newId('key') }: SendOptions): Request => ({
  ...post(body),
  idempotencyKey,
  trace: newTraceContext(),
});

/** The gateway's HTTP API, typed. */
export function createApi(options: ApiOptions) {
  const send = createSend(options);
  const session = (sid: string, rest = '') => `/api/sessions/${id(sid)}${rest}`;

  return {
    ...accountsApi(send),
    ...notificationsApi(send),

    runners: () => send<{ runners: RunnerInfo[] }>('/api/runners', needing('runners')),
    runner: (rid: string) => send<{ runner: RunnerInfo }>(`/api/runners/${id(rid)}`, needing('runner')),
    /** Forgets a runner that is offline. Its sessions stay readable. */
    forgetRunner: (rid: string) => send<ForgetRunnerReply>(`/api/runners/${id(rid)}`, needing('runnerId', DELETE)),
    /** Asks a runner for something: see `RUNNER_METHODS` of the protocol. A signal that aborts cancels it there. */
    runnerCall: <M extends RunnerMethod>(
      rid: string,
      method: M,
      request: MethodRequest<M>,
      { signal }: { signal?: AbortSignal } = {},
    ) =>
      send<MethodReply<M>>(`/api/runners/${id(rid)}/rpc/${method}`, {
        ...post(request),
        timeoutMs: RUNNER_CALL_MS,
        signal,
      }),
    /** Sends bytes of an upload. Answers how many have arrived. */
    sendUpload: (
      rid: string,
      uploadId: string,
      offset: number,
      bytes: Blob | Uint8Array<ArrayBuffer>,
      { signal }: { signal?: AbortSignal | undefined } = {},
    ) =>
      send<{ received: number }>(
        `/api/runners/${id(rid)}/uploads/${id(uploadId)}${queryOf({ offset })}`,
        uploadPart(bytes, signal),
      ),
    /** Downloads a file of a host. `read` gets the answer, of which the body is the file. */
    download: <T>(
      rid: string,
      source: HostFileRef,
      read: (response: Response) => Promise<T>,
      { signal }: { signal?: AbortSignal | undefined } = {},
    ) => send<T>(downloadPath(rid, source), { read, signal, timeoutMs: TRANSFER_MS }),
    /** A ticket with which a browser downloads a file by its address (`downloadPath`), and without the memory of a page. */
    downloadTicket: (rid: string, source: HostFileRef) =>
      send<DownloadTicketReply>(
        `/api/runners/${id(rid)}/files/tickets`,
        needing('ticket', post(downloadQuery(source))),
      ),
    /** Folders on a runner that begin with `path`, for completion. */
    folders: (rid: string, path: string) => send<Folders>(`/api/runners/${id(rid)}/folders${queryOf({ path })}`),

    /** A page of the list, the latest active first. An older gateway ignores the query and sends all sessions. */
    sessions: (query: SessionsQuery = {}) => send<SessionsReply>(`/api/sessions${queryOf(query)}`, needing('sessions')),
    session: (sid: string) => send<SessionReply>(session(sid), needing('session')),
    /** `status` 201: it runs. 202: the runner took the command and has not answered yet. */
    createSession: (body: NewSessionBody, options: SendOptions = {}) =>
      send<NewSessionReply>('/api/sessions', needing('sessionId', keyed(body, options))),
    /** Ends the session if it runs, and deletes its log. */
    deleteSession: (sid: string) => send<unknown>(session(sid), DELETE),
    input: (sid: string, body: InputBody, options: SendOptions = {}) =>
      send<CommandReply>(session(sid, '/input'), needing('commandId', keyed(body, options))),
    command: (sid: string, body: CommandBody, options: SendOptions = {}) =>
      send<CommandReply>(session(sid, '/commands'), needing('commandId', keyed(body, options))),
    meta: (sid: string) => send<{ state: SessionMetaState; lastSeq: number }>(session(sid, '/meta'), needing('state')),
    /** At most `limit` events after `after`, or the last ones before `before`, the oldest first. */
    events: (sid: string, query: EventsQuery = {}) =>
      send<ListedEvent[]>(session(sid, `/events${queryOf(query)}`), { read: ndjson }),

    /** What the account stores, and its largest sessions. */
    usage: () => send<UsageReply>('/api/usage', needing('uses')),
    sessionUsage: (sid: string) => send<SessionUsageReply>(session(sid, '/usage')),

    blob: (sid: string, hash: string) =>
      send<Blob>(session(sid, `/blobs/${id(hash)}`), { read: (response) => response.blob() }),
    uploadBlob: (sid: string, bytes: Blob | Uint8Array<ArrayBuffer>, mediaType: string) =>
      send<UploadReply>(session(sid, '/blobs'), { method: 'POST', raw: { bytes, mediaType } }),
  };
}

export type Api = ReturnType<typeof createApi>;

async function ndjson(response: Response): Promise<ListedEvent[]> {
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as ListedEvent);
}
