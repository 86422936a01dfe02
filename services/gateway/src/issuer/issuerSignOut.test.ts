import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '@pizzapi/process';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { IssuerClient } from './issuerClient.js';

let endSession = '/end';
let isHanging = false;
const server = createServer((_request, response) => {
  if (isHanging) return;
  const metadata = {
    issuer: address(),
    authorization_endpoint: `${address()}/authorize`,
    end_session_endpoint: new URL(endSession, address()).href,
  };
  response.setHeader('content-type', 'application/json').end(JSON.stringify(metadata));
});
const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

/** A client that has read the description of the issuer. */
async function startedClient(): Promise<IssuerClient> {
  const client = new IssuerClient(
    {
      ...{ issuer: new URL(address()), clientId: 'pizzapi', scopes: 'openid', name: 'Acme', groupsClaim: 'groups' },
      ...{ linkByEmail: false, passwords: 'keep', rules: { domains: [], groups: [] } },
      ...{ checkMs: 1, loginMs: 1, confirmMs: 1 },
    },
    silentLogger,
  );
  await client.authorizationUrl(await client.newChecks(), `${address()}/back`);
  return client;
}

it('the address for signing out does not wait for an issuer that hangs, however old its description is', async () => {
  const client = await startedClient();
  isHanging = true;
  const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
  try {
    const url = client.signOutUrl('http://page.test/');
    // An issuer that hangs is given up after 10 s.
    expect(await Promise.race([url, new Promise((resolve) => setTimeout(resolve, 2_000, 'waits'))])).toBe(
      `${address()}/end?post_logout_redirect_uri=http%3A%2F%2Fpage.test%2F&client_id=pizzapi`,
    );
  } finally {
    clock.mockRestore();
    isHanging = false;
  }
});

it('an address for signing out that no browser may be sent to is left out', async () => {
  endSession = 'ftp://files.test/end';
  const client = await startedClient();
  expect(await client.signOutUrl('http://page.test/')).toBeUndefined();
});
