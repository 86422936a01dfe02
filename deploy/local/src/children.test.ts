import { generateCredentials } from '@pizzapi/authenticator';
import { readOptions } from '@pizzapi/process';
import { expect, it } from 'vitest';
import { environments } from './children.js';
import { LOCAL_OPTIONS } from './options.js';

const users = generateCredentials();
const backbone = { url: 'nats://127.0.0.1:1', users, runnerToken: 'pzr_token' };
const envs = (env: NodeJS.ProcessEnv) =>
  environments({ backbone, port: 7492, env, options: readOptions(LOCAL_OPTIONS, {}, env) });

/** Which processes find a text in their environment. */
const holders = (all: ReturnType<typeof envs>, secret: string) =>
  Object.entries(all).flatMap(([name, env]) => (Object.values(env).includes(secret) ? [name] : []));

it('each process finds its own secrets and nobody else’s', () => {
  const all = envs({});
  const { authenticator, admin, gateway, projector, auditor, issuerSeed } = users;
  for (const { nkeySeed } of [authenticator, admin]) expect(holders(all, nkeySeed)).toEqual(['authenticator']);
  expect(holders(all, issuerSeed)).toEqual(['authenticator']);
  expect(holders(all, gateway.nkeySeed)).toEqual(['gateway']);
  expect(holders(all, projector.nkeySeed)).toEqual(['projector']);
  expect(holders(all, 'pzr_token')).toEqual(['runner']);
  expect(holders(all, auditor.password)).toEqual([]);
});

it('the keys of models reach the runner alone, and what the person set for other uses of ours nobody', () => {
  const all = envs({ ANTHROPIC_API_KEY: 'sk', PIZZAPI_API_KEY: 'pzk', PIZZAPI_NATS_PASSWORD: 'p', LANG: 'C' });
  expect(holders(all, 'sk')).toEqual(['runner']);
  expect(holders(all, 'pzk')).toEqual([]);
  expect(holders(all, 'p')).toEqual([]);
  expect(holders(all, 'C')).toHaveLength(4);
});

it('nobody can sign up unless the person wants it so', () => {
  expect(envs({}).gateway['PIZZAPI_SIGNUP']).toBe('closed');
  expect(envs({ PIZZAPI_SIGNUP: 'open' }).gateway['PIZZAPI_SIGNUP']).toBe('open');
});

it('notifications may go to this machine’s own network, unless others may sign up or the person says no', () => {
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
