import type { FilePath } from '@pizzapi/protocol';
import type { Request } from './http.js';

/** How long a part or a download may take, in ms. */
export const TRANSFER_MS = 30 * 60_000;

/** The part of the request that sends bytes of an upload. */
export const uploadPart = (bytes: Blob | Uint8Array<ArrayBuffer>, signal: AbortSignal | undefined): Request => ({
  method: 'PUT',
  raw: { bytes, mediaType: 'application/octet-stream' },
  timeoutMs: TRANSFER_MS,
  signal,
});

/** The address of a file for a download. */
export function downloadPath(rid: string, path: FilePath, sessionId?: string): string {
  const query = new URLSearchParams(typeof path === 'string' ? { path } : { base64: path.base64 });
  if (sessionId !== undefined) query.set('sessionId', sessionId);
  return `/api/runners/${encodeURIComponent(rid)}/files?${query.toString()}`;
}
