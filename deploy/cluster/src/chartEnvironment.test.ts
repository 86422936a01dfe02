import { generateCredentials } from '@pizzapi/authenticator';
import { podTemplatesOf } from '@pizzapi/kubernetes';
import { ACCOUNTS_FILE, LOCAL_OPTIONS, processEnvironments, SECRET_FILES, type LocalProgram } from '@pizzapi/local';
import { readOptions } from '@pizzapi/process';
import { expect, it } from 'vitest';
import { chartEnvironment, chartManifests } from './chartEnvironment.js';

const secrets = {
  'gateway-nkey': 'nkey of the gateway',
  'gateway-secret': 'secret of all gateways',
  'projector-nkey': 'nkey of the projector',
  'authenticator-nkey': 'nkey of the authenticator',
  'admin-nkey': 'nkey of the provisioner',
  'auth-issuer': 'seed of the issuer',
  token: 'token of the hosts',
};
const environment = (component: string, { inherited = {}, here = {}, image = {} } = {}) =>
  chartEnvironment(component, { name: `${component}-1`, inherited, image, here, secrets });

it('a process gets the settings of the chart, with the addresses and the credentials of this machine', () => {
  const here = { PIZZAPI_PORT: '1234', PIZZAPI_HOST: '127.0.0.1', PIZZAPI_TRUSTED_PROXIES: undefined };
  const gateway = environment('gateway', { here, image: { PIZZAPI_DASHBOARD: '/page' } });
  expect(gateway).toMatchObject({
    PIZZAPI_SIGNUP: 'closed',
    PIZZAPI_ACCOUNT_STORAGE: '20 GiB',
    PIZZAPI_PORT: '1234',
    PIZZAPI_HOST: '127.0.0.1',
    PIZZAPI_DASHBOARD: '/page',
    PIZZAPI_NATS_NKEY: 'nkey of the gateway',
    PIZZAPI_GATEWAY_SECRET: 'secret of all gateways',
  });
  expect(gateway['PIZZAPI_TRUSTED_PROXIES']).toBeUndefined();
  const kindOf = (address: string) => address.split(':')[0]!;
  expect(environment('gateway', { here: { PIZZAPI_NATS_URL: kindOf } })['PIZZAPI_NATS_URL']).toBe('nats');
  // Hosts reach nats-server by WebSockets alone.
  expect(environment('runner', { here: { PIZZAPI_NATS_URL: kindOf } })['PIZZAPI_NATS_URL']).toBe('ws');
  expect(environment('runner')['PIZZAPI_RUNNER_NAME']).toBe('runner-1');
});

it('a setting that the chart does not have is not set, so that it is missing here too', () => {
  expect(environment('gateway', { here: { PIZZAPI_SPAWN_WAIT_MS: '1' } })).not.toHaveProperty('PIZZAPI_SPAWN_WAIT_MS');
});

it('a variable of the user wins over a text of the chart, and not over an address or a credential', () => {
  const inherited = {
    PIZZAPI_SIGNUP: 'open',
    PIZZAPI_PORT: '80',
    PIZZAPI_NATS_NKEY: 'stolen',
    PIZZAPI_SPAWN_WAIT_MS: '1',
  };
  expect(environment('gateway', { inherited, here: { PIZZAPI_PORT: '1234' } })).toMatchObject({
    PIZZAPI_SIGNUP: 'open',
    PIZZAPI_PORT: '1234',
    PIZZAPI_NATS_NKEY: 'nkey of the gateway',
    PIZZAPI_SPAWN_WAIT_MS: '1',
  });
});

it('production keeps three copies of each stream', () => {
  expect(environment('provision')).toMatchObject({
    PIZZAPI_REPLICAS: '3',
    PIZZAPI_NATS_ADMIN_NKEY: 'nkey of the provisioner',
  });
});

/** What only an installation on one machine has: the addresses of its local network, and folders that images have. */
const ON_ONE_MACHINE = ['PIZZAPI_HOME', 'PIZZAPI_LAN', 'PIZZAPI_REBUILD', 'PIZZAPI_DASHBOARD', 'PIZZAPI_INSTALL'];

it('the chart has every variable that an installation on one machine sets for its processes', () => {
  const local = processEnvironments({
    natsServer: {
      url: 'nats://127.0.0.1:1',
      webSocketUrl: 'ws://127.0.0.1:2',
      users: generateCredentials(),
      runnerToken: 'pzr_x',
    },
    ...{ port: 7492, env: {}, options: readOptions(LOCAL_OPTIONS, {}, {}) },
  });
  for (const program of Object.keys(local) as LocalProgram[]) {
    const missing = Object.keys(local[program]).filter(
      (name) => !(name in environment(program)) && !ON_ONE_MACHINE.includes(name),
    );
    expect([program, missing]).toEqual([program, []]);
  }
});

it('each key of the credentials that a pod has is a file of `pizzapi credentials`', () => {
  const text = JSON.stringify(podTemplatesOf(chartManifests()).filter(({ component }) => component !== 'runner'));
  const keys = [...text.matchAll(/"key":"([^"]+)"/g)].map(([, key]) => key);
  expect(keys).toContain('gateway-nkey');
  expect(keys.filter((key) => ![...SECRET_FILES, ACCOUNTS_FILE].some((file) => file === key))).toEqual([]);
});

it('a credential that the Secret does not have is refused', () => {
  const surroundings = { name: 'a', inherited: {}, image: {}, here: {}, secrets: {} };
  expect(() => chartEnvironment('gateway', surroundings)).toThrow('gateway-nkey');
});
