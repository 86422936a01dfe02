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

/** A file of a host. With `sessionId` relative to the folder of the session. */
export interface HostFileRef {
  path: FilePath;
  sessionId?: string;
}

/** How a request for a file names it. */
export const downloadQuery = ({ path, sessionId }: HostFileRef): Record<string, string> => ({
  ...(typeof path === 'string' ? { path } : { base64: path.base64 }),
  ...(sessionId === undefined ? {} : { sessionId }),
});

/** The address of a file for a download. With `ticket`, a browser can open it: see `downloadTicket` of the API. */
export function downloadPath(rid: string, source: HostFileRef, ticket?: string): string {
  const query = new URLSearchParams(downloadQuery(source));
  if (ticket !== undefined) query.set('ticket', ticket);
  return `/api/runners/${encodeURIComponent(rid)}/files?${query.toString()}`;
}
