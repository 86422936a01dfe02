import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorInfo, type ErrorCode } from '@pizzapi/protocol';

export interface RecordedRequest {
  /** `POST /api/keys` */
  route: string;
  query: Record<string, string>;
  body: unknown;
  bearer: string | undefined;
}

export interface ScriptedReply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export type ReplyScript = Record<string, (request: RecordedRequest) => ScriptedReply>;

export const ok = (body?: unknown): ScriptedReply => ({ status: 200, body });
export const refuse = (status: number, code: ErrorCode): ScriptedReply => ({
  status,
  body: { error: errorInfo(code) },
});

/** Starts an HTTP server that answers only the API routes that a test defines. */
export interface ScriptedApi {
  url: string;
  requests: RecordedRequest[];
  script: ReplyScript;
  close(): Promise<void>;
}

export async function scriptedApi(script: ReplyScript = {}): Promise<ScriptedApi> {
  const requests: RecordedRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://relay');
      const route = `${request.method} ${pathname}`;
      const text = Buffer.concat(chunks).toString();
      const entry: RecordedRequest = {
        route,
        query: Object.fromEntries(searchParams),
        body: text === '' ? undefined : JSON.parse(text),
        bearer: bearerOf(request.headers),
      };
      requests.push(entry);
      const { status, body, headers } = api.script[route]?.(entry) ?? refuse(404, 'not_found');
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(body === undefined ? '' : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const api: ScriptedApi = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    script,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
  return api;
}

function bearerOf({ authorization }: IncomingHttpHeaders): string | undefined {
  return authorization?.startsWith('Bearer ') === true ? authorization.slice('Bearer '.length) : undefined;
}
