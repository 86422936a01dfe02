import { probeWrites, verifyProvisioned } from '@pizzapi/backbone';
import { natsUserOf, newId, runnerPassword } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startSecuredCluster, talk, type SecuredCluster } from './testing/index.js';

const SECRET = 'a-secret-of-this-host';

let s: SecuredCluster;
beforeAll(async () => {
  s = await startSecuredCluster();
  await s.addAuthenticator(s.cluster.node(1).url);
});
afterAll(() => s.stop());

/** A daemon that connects to one of the servers. */
async function daemonAt(index: number, token: string) {
  const user = natsUserOf({ kind: 'runner', rid: newId('r') });
  const daemon = await talk(s.cluster.node(index).port, { user, pass: runnerPassword(token, SECRET) });
  expect(await daemon.say('')).toBe('ok');
  return daemon;
}

it('two authenticators at different servers let hosts in at every server, and services read and write there', async () => {
  const token = await s.newRunnerToken('ann');
  for (const { index, url } of s.cluster.nodes) {
    (await daemonAt(index, token)).close();
    const gateway = await s.connectAs('gateway', { url });
    await verifyProvisioned(gateway);
    expect(await probeWrites(gateway)).toBe('stored');
  }
});

it('a revoked host is disconnected from whatever server it is connected to, and others stay', async () => {
  const [revoked, kept] = [await s.newRunnerToken('bob'), await s.newRunnerToken('bob')];
  const leaving = await Promise.all(s.cluster.nodes.map(({ index }) => daemonAt(index, revoked)));
  const staying = await Promise.all(s.cluster.nodes.map(({ index }) => daemonAt(index, kept)));
  await s.revokeToken(revoked);
  await Promise.all(leaving.map((daemon) => daemon.until(/never/)));
  for (const daemon of staying) {
    expect(await daemon.say('')).toBe('ok');
    daemon.close();
  }
});

it('hosts are let in while the server of one authenticator is down', async () => {
  const token = await s.newRunnerToken('cid');
  await s.cluster.kill9(0);
  const user = natsUserOf({ kind: 'runner', rid: newId('r') });
  const connects = async () => {
    const daemon = await talk(s.cluster.node(2).port, { user, pass: runnerPassword(token, SECRET) });
    const said = await daemon.say('');
    daemon.close();
    return said;
  };
  // The row of the token may have to wait for a new leader.
  await expect.poll(connects, { timeout: 50_000 }).toBe('ok');
  await s.cluster.restart(0);
});
