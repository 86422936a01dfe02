import { afterEach, describe, expect, it } from 'vitest';
import { createHealthServer, type HealthServer } from './health.js';
import { createMetrics } from './metrics.js';

let server: HealthServer | undefined;
afterEach(() => server?.close());

describe('the health server', () => {
  it('answers live, ready and metrics', async () => {
    let ready = false;
    const metrics = createMetrics();
    metrics.counter('pizzapi_test_total', 'Tests', ['kind']).inc({ kind: 'a' }, 2);
    server = await createHealthServer({ port: 0, ready: () => ready, metrics });
    const get = (path: string) => fetch(`http://127.0.0.1:${server!.port}${path}`);

    expect((await get('/livez')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(503);
    ready = true;
    expect((await get('/readyz')).status).toBe(200);
    expect(await (await get('/metrics')).text()).toContain('pizzapi_test_total{kind="a"} 2');
    expect((await get('/other')).status).toBe(404);
  });

  it('says that its port is taken', async () => {
    const options = { ready: () => true, metrics: createMetrics() };
    server = await createHealthServer({ ...options, port: 0 });
    await expect(createHealthServer({ ...options, port: server.port })).rejects.toMatchObject({ code: 'port_in_use' });
  });
});

describe('metrics', () => {
  it('give the same metric for the same name, and refuse another kind', () => {
    const metrics = createMetrics();
    expect(metrics.counter('a_total', 'A')).toBe(metrics.counter('a_total', 'A'));
    expect(() => metrics.gauge('a_total', 'A')).toThrow(TypeError);
  });
});
