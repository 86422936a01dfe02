import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeLayout } from './homeLayout.js';
import {
  checkLinkToken,
  ensureGatewaySecret,
  localToken,
  localTokenChecker,
  loginUrl,
  mintLinkToken,
  readGatewaySecret,
} from './localAuth.js';

const secret = Buffer.alloc(32, 7);
const other = Buffer.alloc(32, 8);

describe('a sign-in link token', () => {
  it('is valid until it expires', () => {
    const token = mintLinkToken(secret, 1_000, 500);
    expect(checkLinkToken(secret, token, 1_499)).toMatchObject({ kind: 'valid', expiresAt: 1_500 });
    expect(checkLinkToken(secret, token, 1_500)).toEqual({ kind: 'expired' });
  });

  it('differs every time, so that one use does not spend another', () => {
    const nonces = [0, 1].map(() => checkLinkToken(secret, mintLinkToken(secret, 0), 0));
    expect(nonces[0]).not.toEqual(nonces[1]);
  });

  it('is worth nothing with another secret, a later expiry, or any other text', () => {
    const token = mintLinkToken(secret, 1_000);
    expect(checkLinkToken(other, token, 1_000)).toEqual({ kind: 'invalid' });
    expect(checkLinkToken(secret, token.replace(/^[^.]+/, 'zzzzzzzz'), 1_000)).toEqual({ kind: 'invalid' });
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(checkLinkToken(secret, text, 0)).toEqual({ kind: 'invalid' });
      }),
    );
  });

  it('goes into the fragment of the address', () => {
    expect(loginUrl('http://127.0.0.1:7492/', 'a.b.c')).toBe('http://127.0.0.1:7492/#login=a.b.c');
  });
});

describe('the local bearer', () => {
  it('is accepted by its own secret only', () => {
    expect(localTokenChecker(secret)(localToken(secret))).toBe(true);
    expect(localTokenChecker(other)(localToken(secret))).toBe(false);
    expect(localTokenChecker(secret)(mintLinkToken(secret, 0))).toBe(false);
  });

  it('fits into a WebSocket subprotocol', () => {
    expect(localToken(secret)).toMatch(/^[A-Za-z0-9._-]+$/);
  });
});

describe('the secret of a home', () => {
  let home: string;
  beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'pizzapi-auth-'))));
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('is made once, for its owner alone to read', () => {
    expect(readGatewaySecret(home)).toBeUndefined();
    const made = ensureGatewaySecret(home);
    expect(ensureGatewaySecret(home)).toEqual(made);
    expect(statSync(homeLayout(home).gatewaySecretFile).mode & 0o777).toBe(0o600);
  });

  it('cannot be made where the home is read-only, and the error names the variable that holds it instead', () => {
    const file = join(home, 'file');
    writeFileSync(file, '');
    expect(() => ensureGatewaySecret(file)).toThrow(
      /^Cannot write .*gateway\.json \(\w+\); PIZZAPI_GATEWAY_SECRET can hold/,
    );
  });

  it('is replaced when the file is damaged', () => {
    writeFileSync(homeLayout(home).gatewaySecretFile, '{"secret":');
    chmodSync(homeLayout(home).gatewaySecretFile, 0o600);
    expect(readGatewaySecret(home)).toBeUndefined();
    expect(ensureGatewaySecret(home)).toEqual(readGatewaySecret(home));
  });
});
