import { claimSession } from '@pizzapi/backbone';
import { natsUserOf, newId, runnerPassword } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Grants } from './grants.js';
import { startSecuredNats, talk, type SecuredNats } from './testing/index.js';

const SECRET = 'a-secret-of-this-host';
/** What a revocation is given. */
const WITHIN_MS = 5_000;

let s: SecuredNats;
beforeAll(async () => {
  s = await startSecuredNats();
});
afterAll(() => s.stop());

/** The connections of a host: its daemon's two, and a worker's. */
async function hostOf(userId: string, token: string) {
  const rid = newId('r');
  const password = runnerPassword(token, SECRET);
  const daemon = (kind: 'runner' | 'keeper') => talk(s.nats.port, { user: natsUserOf({ kind, rid }), pass: password });
  const runner = await daemon('runner');
  expect(await runner.say('')).toBe('ok');
  const sid = newId('s');
  const claim = await claimSession(s.admin, { sid, userId, runnerId: rid });
  if (claim.kind !== 'granted') throw new Error('refused');
  const pass = new Grants(s.credentials.issuerSeed).mint({ sid, rid, userId, epoch: claim.epoch });
  const worker = await talk(s.nats.port, { user: natsUserOf({ kind: 'session', sid }), pass });
  const keeper = await daemon('keeper');
  const all = [runner, keeper, worker];
  for (const client of all) expect(await client.say('')).toBe('ok');
  return { rid, sid, worker, all };
}

const TICK_MS = 50;

/**
 * How long it takes until the server has closed them all, in ms in which this process ran: while the machine lets it
 * stand still, so does the authenticator in it.
 */
async function untilClosed(clients: readonly { until(pattern: RegExp): Promise<string> }[]): Promise<number> {
  let ticks = 0;
  const clock = setInterval(() => ticks++, TICK_MS);
  await Promise.all(clients.map((client) => client.until(/never/)));
  clearInterval(clock);
  return ticks * TICK_MS;
}

describe('within five seconds', () => {
  it('the connections of a revoked token end: the daemon’s and those of its sessions; others stay', async () => {
    const [token, other] = [await s.newRunnerToken('ann'), await s.newRunnerToken('ann')];
    const [host, unharmed] = [await hostOf('ann', token), await hostOf('ann', other)];
    await s.revokeToken(token);
    expect(await untilClosed(host.all)).toBeLessThan(WITHIN_MS);
    for (const client of unharmed.all) expect(await client.say('')).toBe('ok');
    for (const client of unharmed.all) client.close();
  });

  it('those of a disabled account end', async () => {
    const host = await hostOf('bob', await s.newRunnerToken('bob'));
    await s.disableAccount('bob');
    expect(await untilClosed(host.all)).toBeLessThan(WITHIN_MS);
  });

  it('those of a token that expires end', async () => {
    // Far enough ahead for all of them to connect before it.
    const expiresAt = Date.now() + 8_000;
    const host = await hostOf('cid', await s.newRunnerToken('cid', { expiresAt }));
    await new Promise((resolve) => setTimeout(resolve, expiresAt - Date.now()));
    expect(await untilClosed(host.all)).toBeLessThan(WITHIN_MS);
  });

  it('the one of a worker whose session went to another host ends', async () => {
    const token = await s.newRunnerToken('ann');
    const { sid, worker, all } = await hostOf('ann', token);
    const next = await hostOf('ann', token);
    await claimSession(s.admin, { sid, userId: 'ann', runnerId: next.rid });
    expect(await untilClosed([worker])).toBeLessThan(WITHIN_MS);
    for (const client of [...all, ...next.all]) client.close();
  });
});

it('what was revoked while no authenticator ran ends when one starts', async () => {
  const host = await hostOf('ann', await s.newRunnerToken('ann'));
  const token = await s.newRunnerToken('dan');
  const revoked = await hostOf('dan', token);
  await s.authenticator.stop();
  await s.revokeToken(token);
  await s.addAuthenticator();
  expect(await untilClosed(revoked.all)).toBeLessThan(WITHIN_MS);
  for (const client of host.all) expect(await client.say('')).toBe('ok');
  for (const client of host.all) client.close();
});
