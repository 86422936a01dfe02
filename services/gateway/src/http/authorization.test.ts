import { request } from 'node:http';
import { HTTP_LIMITS, serverOptions } from '@pizzapi/process';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import type { Principal } from '../auth/principal.js';
import type { GatewayMetrics } from '../metrics.js';
import type { Access } from '../session/access.js';
import type { SessionLoader } from '../session/sessionLoader.js';
import { registerAuthorization } from './authorization.js';

let app: FastifyInstance;
afterEach(() => app.close());

/** A gateway whose reads of sessions take as long as `loaded` does, and how often it holds and releases one. */
async function start(loaded: Promise<void>) {
  const counts = { held: 0, released: 0 };
  const loader = {
    hold: () => {
      counts.held++;
      return () => void counts.released++;
    },
    load: () => loaded,
  } as unknown as SessionLoader;
  const access = { principalIn: (principal: Principal) => principal, modeIn: () => 'owner' } as unknown as Access;
  app = fastify({ http: serverOptions(HTTP_LIMITS) });
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (asked) => {
    asked.principal = { userId: 'ann', role: 'member' } as Principal;
  });
  registerAuthorization(app, { access, loader, metrics: { error: () => undefined } as unknown as GatewayMetrics });
  app.get('/api/sessions/:sid', async () => ({}));
  return { counts, url: `${await app.listen({ port: 0, host: '127.0.0.1' })}/api/sessions/s_one` };
}

it('a session is held until the answer is sent', async () => {
  const { counts, url } = await start(Promise.resolve());
  expect((await fetch(url)).status).toBe(200);
  await expect.poll(() => counts).toEqual({ held: 1, released: 1 });
});

it('a session is released when the client leaves before the answer', async () => {
  const { counts, url } = await start(new Promise(() => undefined));
  const leaving = request(url);
  leaving.on('error', () => undefined).end();
  await expect.poll(() => counts.held).toBe(1);
  leaving.destroy();
  await expect.poll(() => counts).toEqual({ held: 1, released: 1 });
});
