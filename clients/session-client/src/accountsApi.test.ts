import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorInfo } from '@pizzapi/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createApi, type Api } from './index.js';

/** What came in, and what goes out next. */
let asked: { method: string; url: string; bearer: string | undefined; body: string }[];
let answer: { status: number; headers?: Record<string, string>; body?: unknown };
let server: Server;
let api: Api;

beforeEach(async () => {
  asked = [];
  answer = { status: 204 };
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      asked.push({ method, url, bearer: headers.authorization, body: Buffer.concat(chunks).toString() });
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  api = createApi({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, token: 'secret' });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it('an answer without a body is an answer', async () => {
  expect(await api.revokeKey('k1')).toEqual({ kind: 'ok', status: 204, value: undefined });
  expect(asked).toEqual([{ method: 'DELETE', url: '/api/keys/k1', bearer: 'Bearer secret', body: '' }]);
});

it('what is typed by hand cannot leave its place in the path', async () => {
  await api.pair('../auth/logout?x=1#y');
  expect(asked[0]!.url).toBe('/api/pair/..%2Fauth%2Flogout%3Fx%3D1%23y');
});

it('a filter that is not set is not sent', async () => {
  await api.audit({ limit: 50 });
  await api.audit({ limit: 50, kind: 'login', before: 7 });
  expect(asked.map(({ url }) => url)).toEqual(['/api/audit?limit=50', '/api/audit?limit=50&kind=login&before=7']);
});

it('a refusal for too many tries says when to come back', async () => {
  const error = errorInfo('too_many_requests', 'Too many tries');
  answer = { status: 429, headers: { 'retry-after': '42' }, body: { error } };
  const outcome = await api.login({ email: 'a@b', password: 'x' });
  expect(outcome).toEqual({ kind: 'failed', status: 429, error, retryAfterMs: 42_000 });
});

it('a link is taken down to the mode that is asked for', async () => {
  await api.restrictShare('s1', 'x1', 'collab');
  expect(asked[0]).toMatchObject({ method: 'PATCH', url: '/api/sessions/s1/shares/x1', body: '{"mode":"collab"}' });
});
