import { generateCredentials } from '@pizzapi/authenticator';
import { readOptions } from '@pizzapi/process';
import { expect, it } from 'vitest';
import { inheritedEnvironment, processEnvironments } from './processes.js';
import { LOCAL_OPTIONS } from './options.js';

const users = generateCredentials();
const natsServer = { url: 'nats://127.0.0.1:1', webSocketUrl: 'ws://127.0.0.1:2', users, runnerToken: 'pzr_token' };
const envs = (env: NodeJS.ProcessEnv) =>
  processEnvironments({ natsServer, port: 7492, env, options: readOptions(LOCAL_OPTIONS, {}, env) });

/** Lists the processes whose environment contains a secret. */
const holders = (all: ReturnType<typeof envs>, secret: string) =>
  Object.entries(all).flatMap(([name, env]) => (Object.values(env).includes(secret) ? [name] : []));

it('each process receives only its own secrets', () => {
  const all = envs({});
  const { authenticator, admin, gateway, projector, auditor, issuerSeed } = users;
  for (const { nkeySeed } of [authenticator, admin]) expect(holders(all, nkeySeed)).toEqual(['authenticator']);
  expect(holders(all, issuerSeed)).toEqual(['authenticator']);
  expect(holders(all, gateway.nkeySeed)).toEqual(['gateway']);
  expect(holders(all, projector.nkeySeed)).toEqual(['projector']);
  expect(holders(all, 'pzr_token')).toEqual(['runner']);
  expect(holders(all, auditor.password)).toEqual([]);
});

it('only the runner receives the keys of models, and no process receives the user’s other PizzaPi secrets', () => {
  const ours = { PIZZAPI_API_KEY: 'pzk', PIZZAPI_NATS_PASSWORD: 'p', PIZZAPI_NATS_NKEY_FILE: '/nkey' };
  const all = envs({ ANTHROPIC_API_KEY: 'sk', ...ours, LANG: 'C' });
  expect(holders(all, 'sk')).toEqual(['runner']);
  expect(holders(all, 'pzk')).toEqual([]);
  expect(holders(all, 'p')).toEqual([]);
  expect(holders(all, '/nkey')).toEqual([]);
  expect(holders(all, 'C')).toHaveLength(4);
});

it('sign-up is closed unless the user opens it', () => {
  expect(envs({}).gateway['PIZZAPI_SIGNUP']).toBe('closed');
  expect(envs({ PIZZAPI_SIGNUP: 'open' }).gateway['PIZZAPI_SIGNUP']).toBe('open');
});

it('notifications may go to private addresses unless sign-up is open or the user forbids it', () => {
  const allowed = (env: NodeJS.ProcessEnv) => {
    const { gateway, projector } = envs(env);
    return [gateway['PIZZAPI_NOTIFY_PRIVATE'], projector['PIZZAPI_NOTIFY_PRIVATE']];
  };
  expect(allowed({})).toEqual(['true', 'true']);
  expect(allowed({ PIZZAPI_SIGNUP: 'open' })).toEqual(['false', 'false']);
  expect(allowed({ PIZZAPI_NOTIFY_PRIVATE: 'false' })).toEqual(['false', 'false']);
  expect(envs({}).projector['PIZZAPI_PUBLIC_URL']).toBe('http://pizzapi.localhost:7492');
  const elsewhere = envs({ PIZZAPI_PUBLIC_URL: 'https://app.example.com' });
  expect(elsewhere.projector['PIZZAPI_PUBLIC_URL']).toBe('https://app.example.com');
});

it('only the gateway receives the issuer that people sign in through, and its secret there', () => {
  const all = envs({ PIZZAPI_OIDC_ISSUER: 'https://id.example', PIZZAPI_OIDC_CLIENT_SECRET: 's' });
  for (const value of ['https://id.example', 's']) expect(holders(all, value)).toEqual(['gateway']);
});

it('a gateway that a cluster starts inherits the secret at the issuer too, by value or by file, and no other one', () => {
  const env = { PIZZAPI_OIDC_CLIENT_SECRET: 's', PIZZAPI_OIDC_CLIENT_SECRET_FILE: '/s', PIZZAPI_GATEWAY_SECRET: 'g' };
  const { PIZZAPI_GATEWAY_SECRET: _, ...ofIssuer } = env;
  expect(inheritedEnvironment('gateway', env)).toMatchObject(ofIssuer);
  for (const program of ['authenticator', 'projector', 'gateway', 'runner'] as const)
    expect(Object.keys(inheritedEnvironment(program, env)).includes('PIZZAPI_GATEWAY_SECRET')).toBe(false);
  expect(inheritedEnvironment('runner', env)).toEqual({});
});
