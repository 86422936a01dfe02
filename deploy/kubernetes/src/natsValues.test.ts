import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { deployFolder, podTemplateOf, readRendering } from './manifests.js';
import { natsConfigOf, natsImageOf } from './settings.js';
import { at, listAt, mapAt, textAt } from './values.js';

const read = (name: string): unknown => parse(readFileSync(join(deployFolder(), 'helm', name), 'utf8'));
const values = read('nats-values.yaml');
const production = readRendering('production');
const [nats] = podTemplateOf(production, 'nats').containers;
const variable = (name: string) => listAt(nats, 'env').find((each) => textAt(each, 'name') === name);

it('the chart nats/nats runs the same server with the same memory as the chart here', () => {
  expect(natsImageOf(production)).toBe(`nats:${textAt(values, 'container.image.tag')}`);
  expect(textAt(values, 'container.env.GOMEMLIMIT')).toBe(textAt(variable('GOMEMLIMIT'), 'value'));
  expect(mapAt(values, 'container.merge.resources')).toEqual(mapAt(nats, 'resources'));
});

it('the chart nats/nats gets the same configuration: writes to the disk, WebSockets, accounts, and a password for routes', () => {
  const config = natsConfigOf(production);
  expect(config).toContain(`sync_interval: "${textAt(values, 'config.jetstream.merge.sync_interval')}"`);
  expect(config).toContain(`max_file_store: ${textAt(values, 'config.jetstream.fileStore.maxSize')}`);
  expect(config).toContain(`port: ${String(at(values, 'config.websocket.port'))}`);
  const includes = Object.entries(mapAt(values, 'config.merge')).filter(([key]) => key.endsWith('$include'));
  expect(includes.map(([, path]) => path)).toEqual(['../nats-credentials/accounts.conf']);
  const mounts = listAt(values, 'container.patch').map((patch) => textAt(patch, 'value.mountPath'));
  expect(mounts).toContain('/etc/nats-credentials');
  const routes = listAt(values, 'config.cluster.merge.routes').map((route) => /\$(\w+)/.exec(String(route))?.[1]);
  expect(routes).toHaveLength(Number(at(values, 'config.cluster.replicas')));
  // The chart writes variables in the order of their names, and a variable uses only those before it.
  const names = Object.keys(mapAt(values, 'container.env')).sort();
  for (const route of routes) expect(names.indexOf(route ?? '')).toBeGreaterThan(names.indexOf('NATS_ROUTE_PASSWORD'));
});

it('the chart here finds the servers of the chart nats/nats by their names', () => {
  const external = mapAt(read('pizzapi-with-nats-values.yaml'), 'nats.external');
  const hosts = [0, 1, 2].map((index) => `nats-${index}.nats-headless`);
  expect(external['url']).toBe(hosts.map((host) => `nats://${host}:4222`).join(','));
  expect(external['websocketUrl']).toBe(hosts.map((host) => `ws://${host}:8080`).join(','));
  const variables = mapAt(values, 'container.env');
  hosts.forEach((host, index) => expect(variables[`ROUTE_${index}`]).toContain(`@${host}:6222`));
});
