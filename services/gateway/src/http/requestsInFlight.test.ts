import fastify from 'fastify';
import { expect, it } from 'vitest';
import { RequestsInFlight } from './requestsInFlight.js';

it('a request counts until it is answered, and an answer during the drain closes its connection', async () => {
  const app = fastify();
  let isDraining = false;
  const inFlight = new RequestsInFlight(app, () => isDraining);
  let answer: (text: string) => void = () => undefined;
  app.get('/', () => new Promise<string>((resolve) => (answer = resolve)));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const asked = fetch(url);
  await expect.poll(() => inFlight.count).toBe(1);
  isDraining = true;
  answer('done');
  expect((await asked).headers.get('connection')).toBe('close');
  expect(await (await asked).text()).toBe('done');
  await expect.poll(() => inFlight.count).toBe(0);
  await app.close();
});
