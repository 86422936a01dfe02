import { outboundFetch } from '@pizzapi/process/outbound';

/** Time that the issuer has for an answer, in ms. */
export const ISSUER_TIMEOUT_MS = 10_000;
/** Bytes of an answer of the issuer; a list of groups is the largest part of one. */
const MAX_ANSWER_BYTES = 1024 * 1024;

interface IssuerRequest {
  method?: string;
  headers?: ConstructorParameters<typeof Headers>[0];
  body?: unknown;
}

/**
 * `fetch` for the issuer: by the proxies and authorities of this machine, follows no redirect, and reads an answer only
 * as far as it is small and soon.
 */
export async function boundedFetch(url: string, { method, headers: sent, body }: IssuerRequest): Promise<Response> {
  const signal = AbortSignal.timeout(ISSUER_TIMEOUT_MS);
  const init = { method: method ?? 'GET', redirect: 'manual' as const, signal, headers: new Headers(sent) };
  // The requests to an issuer are forms.
  const form = typeof body === 'string' || body instanceof URLSearchParams ? { body } : {};
  const response = await outboundFetch(url, { ...init, ...form });
  const { status, statusText, headers } = response;
  return new Response(await bounded(response), { status, statusText, headers });
}

async function bounded({ body, status }: Response): Promise<Uint8Array<ArrayBuffer> | null> {
  if (body === null || [101, 204, 205, 304].includes(status)) return null;
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > MAX_ANSWER_BYTES) {
      await reader.cancel();
      throw new Error(`The answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    }
    parts.push(value);
  }
  const all = new Uint8Array(bytes);
  parts.reduce((at, part) => (all.set(part, at), at + part.byteLength), 0);
  return all;
}
