import { expect, it } from 'vitest';
import { generateCredentials } from './credentials.js';
import { authorizationConfig } from './natsConfig.js';

it('nats-server refuses a host after two seconds without an authenticator, so that the host tries again', () => {
  expect(authorizationConfig(generateCredentials())).toMatch(/^authorization \{\n {2}timeout: 2\n/m);
});

it('several partitions add the mapping of the log and the leases of partitions, and one partition adds nothing', () => {
  const credentials = generateCredentials();
  const one = authorizationConfig(credentials).split('\n');
  expect(authorizationConfig(credentials, { partitions: 1 }).split('\n')).toEqual(one);
  const four = authorizationConfig(credentials, { partitions: 4 }).split('\n');
  const mapping = '    mappings: { "session.*.events": "partition.4.{{partition(4,1)}}.{{wildcard(1)}}" }';
  expect(four.filter((text) => !one.includes(text))).toEqual([
    mapping,
    expect.stringContaining('"$KV.leases.projector.*"') as string,
  ]);
  expect(four.indexOf(mapping)).toBeLessThan(four.indexOf('  PIZZAPI_STATE {'));
  expect(four.length).toBe(one.length + 1);
});
