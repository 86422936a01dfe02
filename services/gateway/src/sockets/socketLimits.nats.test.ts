import { AUDIT_STREAM, streamHead } from '@pizzapi/backbone';
import { CLOSE_CODES } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestClient } from '../testing/client.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';
import { share } from '../testing/shares.js';
import { auditRows } from '../testing/auditRows.js';
import { MAX_SOCKETS_OF_LINK } from './socketLimits.js';

let s: GatewayScenario;
beforeAll(async () => {
  s = await startScenario();
  await s.writer('watched');
});
afterAll(() => s.end());

const { code: tooMany } = CLOSE_CODES.too_many;

/** Opens so many sockets at once, and says what became of each. */
async function open(token: string, count: number, query = ''): Promise<{ in: TestClient[]; away: number }> {
  const path = `/ws/sessions/watched${query}`;
  const clients = await Promise.all(Array.from({ length: count }, () => s.connect(path, { token })));
  const fates = await Promise.all(
    clients.map((client) =>
      Promise.race([client.heard('hello').then(() => 'in' as const), client.closed.then(({ code }) => code)]),
    ),
  );
  expect(fates.filter((fate) => fate !== 'in' && fate !== tooMany)).toEqual([]);
  return { in: clients.filter((_, i) => fates[i] === 'in'), away: fates.filter((fate) => fate === tooMany).length };
}

it('a link opens so many sockets; more are turned away with a code, and the owner is let in all the same', async () => {
  const { token } = await share(s, 'watched');
  const guests = await open(token, MAX_SOCKETS_OF_LINK + 8);
  expect([guests.in.length, guests.away]).toEqual([MAX_SOCKETS_OF_LINK, 8]);
  const owner = await s.connect('watched');
  expect(await owner.heard('hello')).toMatchObject({ mode: 'owner' });
  // Where one leaves there is room for another.
  guests.in[0]!.ws.close();
  await guests.in[0]!.closed;
  await expect.poll(async () => (await open(token, 1)).in.length).toBe(1);
  const metrics = await s.gateway.metrics.render();
  expect(metrics).toMatch(/code="too_many_connections"\} \d+/);
  for (const client of guests.in) client.ws.terminate();
});

it('a guest who opens sockets without end leaves some rows in the audit log, by whatever names', async () => {
  const { token } = await share(s, 'watched');
  const after = await streamHead(s.b, AUDIT_STREAM);
  for (let n = 0; n < 60; n++) {
    const client = await s.connect(`/ws/sessions/watched?name=Bob`, { token });
    await client.heard('hello');
    client.ws.terminate();
    await client.closed;
  }
  const joined = async () => (await auditRows(s, after)).filter(({ kind }) => kind === 'join');
  expect(await joined()).toMatchObject([{ guest: 'Bob', mode: 'read', sessionId: 'watched' }]);
  for (let n = 0; n < 60; n++) {
    const client = await s.connect(`/ws/sessions/watched?name=Bob${n}`, { token });
    await client.heard('hello');
    client.ws.terminate();
    await client.closed;
  }
  expect((await joined()).length).toBeLessThan(20);
});
