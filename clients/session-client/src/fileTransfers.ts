import { errorInfo, type ErrorCode, type FileFacts, type MethodRequest } from '@pizzapi/protocol';
import type { Api } from './api.js';
import type { ApiResult, Failed } from './http.js';

/** Bytes of an upload in one request. A request that fails is repeated, and progress is seen at each. */
export const UPLOAD_PART_BYTES = 4 * 1024 * 1024;
/** Failures after which the upload continues where it was, and the pauses before, in ms. */
const AGAIN: readonly ErrorCode[] = [
  ...(['gateway_unreachable', 'unavailable', 'unconfirmed', 'draining', 'host_lost'] as const),
  ...(['rpc_timeout', 'rpc_busy', 'too_many_requests', 'request_timeout'] as const),
];
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

/** What is uploaded: a file of a browser, or of a disk. */
export interface UploadSource {
  readonly size: number;
  slice(from: number, to: number): Blob | Promise<Blob | Uint8Array<ArrayBuffer>>;
}

export interface TransferOptions {
  /** How many bytes have arrived. */
  onProgress?: (received: number) => void;
  signal?: AbortSignal;
  sleep?: (ms: number) => Promise<void>;
}

export type UploadTarget = Omit<MethodRequest<'upload_begin'>, 'size'>;

/**
 * Uploads a file to a host. When a gateway or the host is away for a while, it continues with what has not arrived, by any gateway. The file
 * appears when all of it has arrived. A failure or an abort removes what was sent.
 */
export async function uploadFile(
  api: Pick<Api, 'runnerCall' | 'sendUpload'>,
  rid: string,
  target: UploadTarget,
  source: UploadSource,
  options: TransferOptions = {},
): Promise<ApiResult<FileFacts>> {
  const { signal, onProgress } = options;
  const begun = await repeated(() => api.runnerCall(rid, 'upload_begin', { ...target, size: source.size }), options);
  if (begun.kind === 'failed') return begun;
  const { uploadId } = begun.value;
  const sent = await sendAll(api, rid, { uploadId, source }, options);
  if (sent !== undefined) {
    await api.runnerCall(rid, 'upload_cancel', { uploadId });
    return sent;
  }
  onProgress?.(source.size);
  const finished = await repeated(() => api.runnerCall(rid, 'upload_finish', { uploadId }), options);
  if (finished.kind === 'failed' && finished.error.code === 'upload_unknown')
    return (await placed(api, rid, target, source.size)) ?? finished;
  if (finished.kind === 'failed' && signal?.aborted !== true && !AGAIN.includes(finished.error.code))
    await api.runnerCall(rid, 'upload_cancel', { uploadId });
  return finished;
}

/** The file, when an earlier request has put it in its place and its answer was lost. */
async function placed(
  api: Pick<Api, 'runnerCall'>,
  rid: string,
  { path, sessionId }: UploadTarget,
  size: number,
): Promise<ApiResult<FileFacts> | undefined> {
  const of = sessionId === undefined ? {} : { sessionId };
  const found = await api.runnerCall(rid, 'find_paths', { ...of, paths: [path] });
  const facts = found.kind === 'ok' ? found.value.found[0] : undefined;
  return facts?.size === size ? { kind: 'ok', status: 200, value: facts } : undefined;
}

async function sendAll(
  api: Pick<Api, 'runnerCall' | 'sendUpload'>,
  rid: string,
  { uploadId, source }: { uploadId: string; source: UploadSource },
  options: TransferOptions,
): Promise<Failed | undefined> {
  const { signal, onProgress, sleep = pause } = options;
  let received = 0;
  let failures = 0;
  while (received < source.size) {
    if (signal?.aborted === true) return aborted();
    const bytes = await source.slice(received, Math.min(source.size, received + UPLOAD_PART_BYTES));
    const sent = await api.sendUpload(rid, uploadId, received, bytes, { signal });
    if (sent.kind === 'ok' && sent.value.received > received) {
      failures = 0;
      received = sent.value.received;
      onProgress?.(received);
      continue;
    }
    if (sent.kind === 'failed' && !AGAIN.includes(sent.error.code)) return sent;
    const pauseMs = PAUSES_MS[failures++];
    if (pauseMs === undefined) return sent.kind === 'failed' ? sent : stuck();
    await sleep(pauseMs);
    // A part may have arrived although its answer did not.
    const state = await api.runnerCall(rid, 'upload_state', { uploadId });
    if (state.kind === 'ok') received = state.value.received;
    else if (!AGAIN.includes(state.error.code)) return state;
  }
  return undefined;
}

async function repeated<T>(send: () => Promise<ApiResult<T>>, options: TransferOptions): Promise<ApiResult<T>> {
  const { signal, sleep = pause } = options;
  for (const pauseMs of PAUSES_MS) {
    if (signal?.aborted === true) return aborted();
    const result = await send();
    if (result.kind === 'ok' || !AGAIN.includes(result.error.code)) return result;
    await sleep(pauseMs);
  }
  return send();
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const aborted = (): Failed => ({
  kind: 'failed',
  status: 0,
  error: errorInfo('rpc_cancelled', 'The upload was cancelled'),
});
const stuck = (): Failed => ({
  kind: 'failed',
  status: 0,
  error: errorInfo('rpc_timeout', 'The upload does not get any further'),
});
