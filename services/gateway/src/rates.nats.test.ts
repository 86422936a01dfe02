import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BYTES_PER_ACTION } from './session/actionRates.js';
import { FakeRunner } from './testing/fakeRunner.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';
import { share } from './testing/shares.js';

const RATES = { account: 12, link: 4, address: 40 };

let s: GatewayScenario;
let runner: FakeRunner;
beforeAll(async () => {
  s = await startScenario({ rates: RATES });
  runner = await FakeRunner.start(s.b, 'r1', s.home);
  await runner.begin('s1');
  while ((await s.fetch('/api/sessions/s1')).status !== 200) await sleep(5);
});
afterAll(async () => {
  await runner.stop();
  await s.end();
});

interface Answer {
  status: number;
  retryAfter: string | null;
  code: string | undefined;
}

async function ask(path: string, init: Parameters<GatewayScenario['fetch']>[1]): Promise<Answer> {
  const response = await s.fetch(path, { method: 'POST', ...init });
  const { error } = (await response.json()) as { error?: { code: string } };
  return { status: response.status, retryAfter: response.headers.get('retry-after'), code: error?.code };
}

/** As many answers, one after the other, by their status; the last of them whole. */
async function times(count: number, work: (i: number) => Promise<Answer>): Promise<[number[], Answer]> {
  const answers: Answer[] = [];
  for (let i = 0; i < count; i++) answers.push(await work(i));
  return [answers.map(({ status }) => status), answers.at(-1)!];
}
const fill = (status: number, count: number) => Array<number>(count).fill(status);

it('a link sends so many messages and commands a minute, over HTTP and by frames together; then it is told when to come back', async () => {
  const { token } = await share(s, 's1', 'collab');
  const client = await s.connect('/ws/sessions/s1', { token });
  const input = () => ask('/api/sessions/s1/input', { token, json: { text: 'hi' } });
  const [statuses] = await times(2, input);
  expect(statuses).toEqual([202, 202]);
  client.send({ type: 'input', ref: 'a', text: 'hi' });
  client.send({ type: 'command', ref: 'b', name: 'abort' });
  await expect.poll(() => client.of('ack').length).toBe(2);
  const [, last] = await times(3, input);
  expect(last).toMatchObject({ status: 429, code: 'too_many_requests' });
  expect(Number(last.retryAfter)).toBeGreaterThan(0);
  expect(Number(last.retryAfter)).toBeLessThanOrEqual(60);
  const before = runner.commands.length;
  for (const frame of [
    { type: 'input', ref: 'c', text: 'hi' },
    { type: 'command', ref: 'd', name: 'abort' },
  ])
    client.send(frame);
  await expect
    .poll(() => client.of('error').map(({ ref, code }) => [ref, code]))
    .toEqual([
      ['c', 'too_many_requests'],
      ['d', 'too_many_requests'],
    ]);
  expect(client.of('error')[0]!['message']).toMatch(
    /^More than 4 inputs and commands in a minute by this link; wait \d+ s/,
  );
  expect(runner.commands.length).toBe(before);
  // What may only be seen does not count.
  expect((await s.fetch('/api/sessions/s1', { token })).status).toBe(200);
});

it('a large message counts as several, and the largest there is may be sent by who sends nothing else', async () => {
  // No host is there: what is not refused for its number is answered so.
  const linkOf = async (name: string) => {
    const person = await s.person(name);
    await s.writer(`of-${name}`, person);
    const { token } = await share(s, `of-${name}`, 'collab', person.token);
    return (text: string) => ask(`/api/sessions/of-${name}/input`, { token, json: { text } });
  };
  const frank = await linkOf('frank');
  expect((await frank('x'.repeat(2 * BYTES_PER_ACTION))).status).toBe(503);
  expect((await times(2, () => frank('hi')))[0]).toEqual([503, 429]);
  const gina = await linkOf('gina');
  expect((await gina('x'.repeat(12 * BYTES_PER_ACTION))).status).toBe(503);
  expect((await gina('hi')).status).toBe(429);
});

it('files count by themselves, and one link takes nothing of another, or of the account', async () => {
  const { token } = await share(s, 's1', 'collab');
  const upload = (bearer?: string) => (i: number) =>
    ask('/api/sessions/s1/blobs', {
      ...{ body: `file ${i}`, headers: { 'content-type': 'text/plain' } },
      ...(bearer === undefined ? {} : { token: bearer }),
    });
  const [statuses, last] = await times(6, upload(token));
  expect(statuses).toEqual([...fill(201, 4), 429, 429]);
  expect(Number(last.retryAfter)).toBeGreaterThan(0);
  expect((await ask('/api/sessions/s1/input', { token, json: { text: 'hi' } })).status).toBe(202);
  const { token: other } = await share(s, 's1', 'collab');
  expect((await upload(other)(0)).status).toBe(201);
  const [owners] = await times(14, upload());
  expect(owners).toEqual([...fill(201, 12), 429, 429]);
});

it('all links of an account together send no more than an account, and leave the account its own', async () => {
  const eve = await s.person('Eve');
  await s.writer('of-eve', eve);
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) {
    const { token } = await share(s, 'of-eve', 'collab', eve.token);
    const upload = (k: number) =>
      ask('/api/sessions/of-eve/blobs', { body: `${i} ${k}`, headers: { 'content-type': 'text/plain' }, token });
    statuses.push(...(await times(4, upload))[0]);
  }
  expect(statuses).toEqual([...fill(201, 12), ...fill(429, 8)]);
  const own = await ask('/api/sessions/of-eve/blobs', {
    ...{ body: 'mine', headers: { 'content-type': 'text/plain' }, token: eve.token },
  });
  expect(own.status).toBe(201);
});

it('one address sends no more than its own, whoever it says it is; starts of sessions count as messages', async () => {
  const people = await Promise.all(['A', 'B', 'C', 'D', 'E'].map((name) => s.person(name)));
  const statuses = new Set<number>();
  for (const { token } of people) {
    const start = () => ask('/api/sessions', { token, json: {} });
    for (const status of (await times(12, start))[0]) statuses.add(status);
  }
  // There is no runner of theirs: what is not refused for its number is answered so.
  expect(statuses).toEqual(new Set([404, 429]));
});

it('also limits what changes something at a runner, which has a row in the audit log', async () => {
  const call = (method: string) => ask(`/api/runners/r1/rpc/${method}`, { json: {} });
  const [statuses, last] = await times(RATES.account + 1, () => call('restart'));
  expect(statuses.filter((status) => status === 429)).toHaveLength(1);
  expect(last).toMatchObject({ status: 429, code: 'too_many_requests' });
  expect(Number(last.retryAfter)).toBeGreaterThan(0);
  expect((await call('ping')).status).not.toBe(429);
});
