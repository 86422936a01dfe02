import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeRunner } from './testing/fakeRunner.js';
import { PATIENT } from './testing/patience.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

let s: GatewayScenario;
let runner: FakeRunner;
let token: string;
beforeAll(async () => {
  s = await startScenario();
  // The account of the caller is in the gateway's memory, so that a halted nats-server does not hold up its requests.
  const ann = await s.person('ann');
  token = ann.token;
  runner = await FakeRunner.start(s.b, 'r1', s.home, ann.userId);
});
afterAll(async () => {
  await runner.stop();
  await s.end();
});

async function watched(sid: string) {
  await runner.begin(sid);
  await expect
    .poll(async () => (await (await s.fetch(`/api/sessions/${sid}`, { token })).json()) as unknown, PATIENT)
    .toMatchObject({ session: { host: 'connected', runnerId: 'r1' } });
  const client = await s.connect(sid, { token });
  client.send({ type: 'resume' });
  await client.heard('live');
  return client;
}

const ABORT = { name: 'abort', args: {} };
const received = (id: unknown) => runner.commands.filter(({ commandId }) => commandId === id);

describe('a command that nats-server does not confirm in time', () => {
  it('is answered with its id and never called unsent, is carried out, and is carried out once when it is sent again with its key', async () => {
    const client = await watched('halted');
    const { error, answer } = await s.nats.whileHalted(async () => {
      const posted = s.fetch('/api/sessions/halted/commands', { method: 'POST', json: ABORT, token });
      client.send({ type: 'command', ref: 'r1', ...ABORT, key: 'mine_1' });
      client.send({ type: 'ping' });
      await client.heard('pong');
      // The ping is answered although the command before it still waits.
      expect(client.of('error')).toEqual([]);
      return { error: await client.heard('error'), answer: (await (await posted).json()) as { error: object } };
    });
    expect(error).toMatchObject({ ref: 'r1', code: 'unconfirmed' });
    expect(error['message']).toContain(String(error['commandId']));
    expect(error['message']).toContain('It may still be carried out');
    expect(answer.error).toMatchObject({ code: 'unconfirmed', commandId: expect.stringMatching(/^c_/) as string });
    await expect.poll(() => received(error['commandId']), PATIENT).toHaveLength(1);
    client.send({ type: 'command', ref: 'r2', ...ABORT, key: 'mine_1' });
    expect(await client.heard('ack')).toMatchObject({ ref: 'r2', commandId: error['commandId'] });
    // The same key over HTTP is the same command.
    const headers = { 'idempotency-key': 'mine_1' };
    const again = await s.fetch('/api/sessions/halted/commands', { method: 'POST', json: ABORT, token, headers });
    expect(await again.json()).toEqual({ commandId: error['commandId'] });
    client.send({ type: 'input', ref: 'r3', text: 'another' });
    await expect.poll(() => runner.commands.at(-1), PATIENT).toMatchObject({ args: { text: 'another' } });
    expect(received(error['commandId'])).toHaveLength(1);
  });

  it('has another id when another session gets the same key', async () => {
    const [one, two] = [await watched('first'), await watched('second')];
    for (const client of [one, two]) client.send({ type: 'input', ref: 'r1', text: 'hi', key: 'mine' });
    expect((await one.heard('ack'))['commandId']).not.toBe((await two.heard('ack'))['commandId']);
  });
});

it('hello is the first frame, also when nats-server halts while pings and broken frames come in', async () => {
  await runner.begin('slow');
  await expect.poll(async () => (await s.fetch('/api/sessions/slow', { token })).status, PATIENT).toBe(200);
  const client = await s.nats.whileHalted(async () => {
    const opening = await s.connect('slow', { token });
    for (const frame of [{ type: 'ping' }, { type: 'dance', ref: 'r1' }, { type: 'input', ref: 'r2', text: ' ' }])
      opening.send(frame);
    // The server has read what came before this.
    opening.ws.ping();
    await once(opening.ws, 'pong');
    return opening;
  });
  await client.heard('hello');
  await client.heard('pong');
  await expect.poll(() => client.of('error').map(({ ref }) => ref)).toEqual(['r1', 'r2']);
  expect(client.frames[0]).toMatchObject({ type: 'hello', keys: true });
});
