import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createMetrics } from './metrics.js';
import { silentLogger } from './logger.js';
import { withHealthServer } from './serviceHealth.js';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it('a service with a health server stops itself, then the server, then what it used', async () => {
  const steps: string[] = [];
  const port = await freePort();
  const answer = () => fetch(`http://127.0.0.1:${port}/readyz`).then(({ status }) => status);
  const step = (name: string) => async () => void steps.push(name);
  const service = await withHealthServer(
    async () => {
      steps.push(`start ${await answer()}`);
      return {
        name: 'oven',
        run: step('run'),
        drain: step('drain'),
        stop: async () => void steps.push(`stop ${await answer()}`),
      };
    },
    {
      ...{ port, host: '127.0.0.1', ready: () => true, metrics: createMetrics(), log: silentLogger },
      release: async () => void steps.push(`release ${await answer().catch(() => 'closed')}`),
    },
  );
  expect(service.name).toBe('oven');
  await service.run();
  await service.drain();
  await service.stop();
  expect(steps).toEqual(['start 200', 'run', 'drain', 'stop 200', 'release closed']);
});

it('a service without a port has no health server', async () => {
  const steps: string[] = [];
  const step = (name: string) => async () => void steps.push(name);
  const plain = { name: 'oven', run: step('run'), drain: step('drain'), stop: step('stop') };
  const options = {
    port: undefined,
    host: '127.0.0.1',
    ready: () => true,
    metrics: createMetrics(),
    log: silentLogger,
  };
  await (await withHealthServer(() => plain, { ...options, release: step('release') })).stop();
  expect(steps).toEqual(['stop', 'release']);
});

it('a service that does not start leaves no health server behind', async () => {
  const port = await freePort();
  const options = { port, host: '127.0.0.1', ready: () => true, metrics: createMetrics(), log: silentLogger };
  const fail = () => Promise.reject(new Error('no oven'));
  await expect(withHealthServer(fail, options)).rejects.toThrow('no oven');
  await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
});
