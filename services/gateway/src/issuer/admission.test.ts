import { describe, expect, it } from 'vitest';
import { admit, admitsNewPeople, roleOf } from './admission.js';
import { readClaims } from './claims.js';
import { ISSUER_OPTIONS, readIssuerSettings } from './options.js';
import { readOptions } from '@pizzapi/process';

const ada = { iss: 'https://id.example', sub: '1', email: 'Ada@Example.com', email_verified: true, name: 'Ada' };
const claimsOf = (more: object = {}, userinfo?: Record<string, unknown>, claim = 'groups') =>
  readClaims({ ...ada, ...more }, userinfo, claim)!;
const rules = { domains: ['example.com'], groups: [] as string[] };

describe('the claims of a person', () => {
  it.each([false, undefined, 'yes', 1])('hold no address that the issuer has not verified (%j)', (verified) =>
    expect(claimsOf({ email_verified: verified }).address).toBeUndefined(),
  );

  it('hold the address of the ID token, and never one whose verification comes from elsewhere', () => {
    expect(claimsOf().address).toBe('ada@example.com');
    expect(
      claimsOf({ email_verified: undefined }, { email: 'x@evil.example', email_verified: true }).address,
    ).toBeUndefined();
    expect(claimsOf({ email: undefined }, { email: 'ada@example.com', email_verified: true }).address).toBe(
      'ada@example.com',
    );
  });

  it.each([
    ['groups', { groups: ['a', 7, 'b'] }, ['a', 'b']],
    ['groups', { groups: 'a' }, ['a']],
    ['realm.roles', { realm: { roles: ['a'] } }, ['a']],
    ['https://x.example/groups', { 'https://x.example/groups': ['a'] }, ['a']],
    ['__proto__.x', {}, undefined],
    ['groups', { groups: { a: 1 } }, undefined],
  ])('hold the groups of the claim %s', (claim, more, groups) =>
    expect(claimsOf(more, undefined, claim).groups).toEqual(groups === undefined ? undefined : new Set(groups)),
  );

  it('are cut where they are too long, and shown without control characters', () => {
    const many = Array.from({ length: 20_000 }, (_, at) => `g${at}`);
    expect(claimsOf({ groups: many }).groups?.size).toBe(10_000);
    expect(claimsOf({ name: `\u202eAda\n${'x'.repeat(200)}` }).name).toHaveLength(80);
    expect(readClaims({ ...ada, sub: 'x'.repeat(256) }, undefined, 'groups')).toBeUndefined();
    expect(readClaims({ ...ada, sub: '' }, undefined, 'groups')).toBeUndefined();
  });
});

describe('the rules of an operator', () => {
  it.each([
    [{ email: 'ada@evil.example' }, 'domain'],
    [{ email: 'ada@example.com.evil.example' }, 'domain'],
    [{ email: 'ada@sub.example.com' }, 'domain'],
    [{ email_verified: false }, 'address_unverified'],
  ])('refuse %j', (more, why) => expect(admit(claimsOf(more), rules)).toEqual({ kind: 'refused', why }));

  it('all have to be met, and members of the admin group are members', () => {
    const both = { ...rules, groups: ['dev'], adminGroup: 'ops' };
    expect(admit(claimsOf({ groups: ['dev'] }), both)).toEqual({ kind: 'allowed' });
    expect(admit(claimsOf({ groups: ['ops'] }), both)).toEqual({ kind: 'allowed' });
    expect(admit(claimsOf({ groups: ['sales'] }), both)).toEqual({ kind: 'refused', why: 'group' });
    expect(admit(claimsOf(), both)).toEqual({ kind: 'refused', why: 'groups_missing' });
    expect(admit(claimsOf({ groups: ['dev'], email: 'a@b.example' }), both)).toEqual({
      kind: 'refused',
      why: 'domain',
    });
  });

  it('let in new people only when they name people', () => {
    expect(admitsNewPeople({ domains: [], groups: [] })).toBe(false);
    expect(admitsNewPeople({ domains: 'any', groups: [] })).toBe(true);
    expect(admitsNewPeople({ domains: [], groups: ['dev'] })).toBe(true);
  });

  it('give the role by the admin group, and none without one', () => {
    expect(roleOf(claimsOf({ groups: ['ops'] }), { ...rules, adminGroup: 'ops' })).toBe('admin');
    expect(roleOf(claimsOf(), { ...rules, adminGroup: 'ops' })).toBe('member');
    expect(roleOf(claimsOf({ groups: ['ops'] }), rules)).toBeUndefined();
  });
});

describe('the options of an issuer', () => {
  const read = (env: NodeJS.ProcessEnv) => readIssuerSettings(readOptions(ISSUER_OPTIONS, {}, env));
  const env = { PIZZAPI_OIDC_ISSUER: 'https://id.example/realms/acme', PIZZAPI_OIDC_CLIENT_ID: 'pizzapi' };

  it('are read with their defaults', () => {
    expect(read({})).toBeUndefined();
    expect(read(env)).toMatchObject({
      ...{ name: 'id.example', scopes: 'openid profile email', linkByEmail: false, passwords: 'keep' },
      ...{ checkMs: 900_000, loginMs: 43_200_000, rules: { domains: [], groups: [], adminGroup: undefined } },
    });
    expect(read({ ...env, PIZZAPI_OIDC_ALLOWED_DOMAINS: '@Example.com, b.example' })?.rules.domains).toEqual([
      'example.com',
      'b.example',
    ]);
  });

  it.each([
    [{ PIZZAPI_OIDC_ISSUER: 'http://id.example' }, /https/],
    [{ PIZZAPI_OIDC_ISSUER: 'https://a:b@id.example' }, /password/],
    [{ PIZZAPI_OIDC_CLIENT_ID: '' }, /CLIENT_ID/],
    [{ PIZZAPI_OIDC_SCOPES: 'email' }, /openid/],
    [{ PIZZAPI_OIDC_CHECK: 'soon' }, /CHECK/],
  ])('are refused by name: %j', (more, why) => expect(() => read({ ...env, ...more })).toThrow(why));
});
