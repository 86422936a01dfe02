import { GATEWAY_OPTIONS } from '@pizzapi/gateway/options';
import { natsImageOf, readRendering } from '@pizzapi/kubernetes';
import { ACCOUNTS_FILE, ROUTES_FILE, SECRET_FILES } from '@pizzapi/local';
import { CREDENTIALS_OPTIONS, fileVariable, OPTIONS, type OptionSpec } from '@pizzapi/process';
import { RUNNER_OPTIONS } from '@pizzapi/runner/options';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { composeProblems, parseCompose, servicesOf, type ComposeKnowledge } from './compose.js';
import { TARGETS } from './dockerfile.js';

const text = readFileSync(new URL('../compose.yaml', import.meta.url), 'utf8');
const compose = parseCompose(text);
const services = servicesOf(compose);
const options = [OPTIONS, CREDENTIALS_OPTIONS, GATEWAY_OPTIONS, RUNNER_OPTIONS].flatMap((spec) =>
  Object.values<OptionSpec>(spec),
);
const known: ComposeKnowledge = {
  targets: TARGETS,
  variables: options.flatMap((option) => [option.env, ...(option.secret === true ? [fileVariable(option)] : [])]),
  // A person writes the token of a runner.
  files: [...SECRET_FILES, ACCOUNTS_FILE, ROUTES_FILE, 'runner-token'],
  profiles: ['one', 'three', 'tls', 'runner', 'setup'],
};

it('every service of compose.yaml is locked down, and uses what the file, the images and the options have', () => {
  expect(composeProblems(compose, known)).toEqual([]);
  expect(new Set(services.flatMap(({ target = 'none' }) => target))).toEqual(new Set([...TARGETS, 'none']));
});

it('every service of compose.yaml has its own secrets and no others', () => {
  const of = (name: string) => services.find((service) => service.name === name)?.secrets;
  const node = ['accounts.conf', 'routes.conf'];
  const expected: Record<string, string[]> = {
    ...{ credentials: [], caddy: [], operator: ['gateway-secret'], runner: ['runner-token'] },
    ...{ nats: ['accounts.conf'], 'nats-1': node, 'nats-2': node, 'nats-3': node },
    ...{ 'provision-one': ['admin-nkey'], 'provision-three': ['admin-nkey'] },
    ...{ authenticator: ['authenticator-nkey', 'admin-nkey', 'auth-issuer'] },
    ...{ projector: ['projector-nkey'], gateway: ['gateway-nkey', 'gateway-secret'] },
  };
  expect(Object.fromEntries(services.map(({ name }) => [name, of(name)]))).toEqual(expected);
});

it('nats-server has the version that the chart runs: the cluster of earlier ones has no partitions', () => {
  const images = services.flatMap(({ name, value }) => (/^nats/.test(name) ? [value['image']] : []));
  expect(new Set(images)).toEqual(
    new Set([`\${NATS_IMAGE:-docker.io/library/${natsImageOf(readRendering('production'))}}`]),
  );
});

it('people reach Caddy alone, this machine the gateway, and a runner nothing but nats-server', () => {
  const published = services.flatMap(({ name, value }) =>
    value['ports'] === undefined ? [] : [[name, value['ports']]],
  );
  expect(published).toEqual([
    ['gateway', ['127.0.0.1:${PIZZAPI_PORT:-7492}:7492']],
    ['caddy', ['80:80', '443:443', '443:443/udp']],
  ]);
  const near = (network: string) =>
    services.filter(({ networks }) => networks.includes(network)).map(({ name }) => name);
  expect(near('hosts')).toEqual(['nats', 'nats-1', 'nats-2', 'nats-3', 'runner']);
  expect(near('front')).toEqual(['gateway', 'caddy']);
});

it('the gateway trusts the address of Caddy alone, which no other container gets', () => {
  const gateway = services.find(({ name }) => name === 'gateway');
  const trusted = gateway?.environment['PIZZAPI_TRUSTED_PROXIES'];
  expect(trusted).toBe('172.30.84.2');
  expect(compose).toMatchObject({
    services: { caddy: { networks: { front: { ipv4_address: trusted } } } },
    networks: { front: { ipam: { config: [{ subnet: '172.30.84.0/24', ip_range: '172.30.84.128/25' }] } } },
  });
});

it.each([
  ['a writable image', 'read_only: true', 'read_only: false', 'gateway can write to its image'],
  ['capabilities', 'cap_drop: [ALL]', 'cap_drop: []', 'caddy keeps capabilities'],
  ['an unknown target', 'target: meta-projector', 'target: folder', 'projector is built for the unknown target folder'],
  ['an unknown option', 'PIZZAPI_SIGNUP:', 'PIZZAPI_SIGNIN:', 'gateway sets PIZZAPI_SIGNIN, which no process reads'],
  [
    'a secret of another service',
    '[projector-nkey]',
    '[gateway-nkey]',
    'projector has no secret at the path of PIZZAPI_NATS_NKEY_FILE',
  ],
  ['a secret that no command writes', './secrets/auth-issuer', './issuer', 'no command writes ./issuer'],
  ['a published port of metrics', "'80:80'", "'9464:9464'", 'caddy publishes metrics at 9464:9464'],
  ['a missing volume', '  runner: {}\n', '', 'runner uses the volume runner, which the file lacks'],
  ['a missing service', 'nats: { condition', 'nuts: { condition', 'provision-one waits for nuts'],
])('the rules of compose.yaml refuse %s', (_name, before, after, problem) => {
  expect(text).toContain(before);
  expect(composeProblems(parseCompose(text.replaceAll(before, after)), known).join('\n')).toContain(problem);
});
