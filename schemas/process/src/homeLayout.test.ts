import { describe, expect, it } from 'vitest';
import { homeLayout, parseLocalState, parseNatsAccess, parseRunnerPairing, type NatsAccess } from './homeLayout.js';

const nkey = { nkeySeed: 'SU…' };
const access: NatsAccess = {
  url: 'nats://127.0.0.1:4222',
  users: {
    admin: nkey,
    gateway: nkey,
    projector: nkey,
    authenticator: nkey,
    auditor: { user: 'auditor', password: 'secret' },
    issuerSeed: 'SA…',
  },
  runnerToken: 'pzr_1',
};

describe('the layout of a home', () => {
  it('has the paths that earlier versions wrote', () => {
    expect(homeLayout('/home')).toEqual({
      root: '/home',
      nats: '/home/nats',
      logs: '/home/logs',
      runner: '/home/runner',
      terminals: '/home/tui',
      natsAccessFile: '/home/nats/credentials.json',
      localStateFile: '/home/local.json',
      gatewaySecretFile: '/home/gateway.json',
      loginFile: '/home/login.json',
      runnerIdentityFile: '/home/runner/identity.json',
      runnerTokenFile: '/home/runner/token.json',
    });
  });

  it('parses its files, and nothing of another shape', () => {
    expect(parseNatsAccess(JSON.parse(JSON.stringify(access)))).toEqual(access);
    expect(parseNatsAccess({ ...access, users: { ...access.users, gateway: undefined } })).toBeUndefined();
    expect(parseNatsAccess({ ...access, users: { ...access.users, auditor: { user: 'auditor' } } })).toBeUndefined();
    const pairing = { token: 'pzr_1', relayUrl: 'http://relay', natsUrl: undefined };
    expect(parseRunnerPairing(pairing)).toEqual(pairing);
    for (const parse of [parseLocalState, parseNatsAccess, parseRunnerPairing]) {
      for (const value of [undefined, null, 1, [], {}, { url: 1 }]) expect(parse(value)).toBeUndefined();
    }
  });

  it('takes the address of the gateway for that of the page where an earlier version stored one', () => {
    const state = { pid: 1, url: 'http://localhost:1', natsUrl: 'nats://localhost:2' };
    expect(parseLocalState(state)).toEqual({ ...state, pageUrl: state.url });
    expect(parseLocalState({ ...state, pageUrl: 'https://page' })?.pageUrl).toBe('https://page');
  });
});
