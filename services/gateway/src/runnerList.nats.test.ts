import { runnerOwnerKey, runnerOwnerRows } from '@pizzapi/backbone';
import { secretHash } from '@pizzapi/process';
import { OWNER_ID } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { auditRows } from './testing/auditRows.js';
import { FakeRunner } from './testing/fakeRunner.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

let s: GatewayScenario;

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function ask(path: string, init: Parameters<GatewayScenario['fetch']>[1] = {}): Promise<Answer> {
  const response = await s.fetch(path, init);
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}
const post = (path: string, body: unknown) => ask(path, { method: 'POST', json: body });
const failure = (status: number, code: string) => ({ status, body: { error: { code } } });

beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());

it('the list of runners tells of runners that come and go', async () => {
  const feed = await s.connect('/ws/runners');
  await feed.heard('runners');
  const other = await FakeRunner.start(s.b, 'r9', s.home);
  await feed.heard('runner_added');
  await other.stop();
  await expect
    .poll(() => feed.of('runner_updated').at(-1))
    .toMatchObject({ runner: { runnerId: 'r9', online: false } });
});

it('a runner that is gone can be forgotten: its token is revoked, it leaves the list, and its sessions stay readable', async () => {
  const made = await post('/api/keys', { name: 'box', kind: 'runner' });
  const [{ id: keyId }, token] = [made.body['key'] as { id: string }, made.body['token'] as string];
  const gone = await FakeRunner.start(s.b, 'gone', s.home);
  const owner = { userId: OWNER_ID, runnerId: 'gone', secretHash: 'x', keyHash: secretHash(token) };
  await runnerOwnerRows(s.b).put(runnerOwnerKey('gone'), owner);
  await gone.begin('of-gone');
  expect(await ask('/api/runners/gone', { method: 'DELETE' })).toMatchObject(failure(409, 'runner_online'));
  await gone.stop();
  await expect.poll(() => ask('/api/runners/gone')).toMatchObject({ body: { runner: { online: false } } });
  const other = await s.person('Mallory');
  const feed = await s.connect('/ws/runners');
  await feed.heard('runners');
  expect(await ask('/api/runners/gone', { method: 'DELETE', token: other.token })).toMatchObject(
    failure(404, 'runner_not_found'),
  );
  expect(await ask('/api/runners/gone', { method: 'DELETE' })).toEqual({
    status: 200,
    body: { runnerId: 'gone', tokenRevoked: true },
  });
  expect(await feed.heard('runner_removed')).toMatchObject({ runnerId: 'gone' });
  expect(await ask('/api/runners/gone', { method: 'DELETE' })).toMatchObject(failure(404, 'runner_not_found'));
  expect(await ask('/api/runners')).not.toMatchObject({
    body: { runners: expect.arrayContaining([expect.objectContaining({ runnerId: 'gone' })]) as unknown },
  });
  expect((await ask('/api/keys')).body['keys']).not.toContainEqual(expect.objectContaining({ id: keyId }));
  expect((await s.fetch('/api/sessions/of-gone/events')).status).toBe(200);
  expect((await runnerOwnerRows(s.b).get(runnerOwnerKey('gone')))?.value).not.toHaveProperty('keyHash');
  const rows = (await auditRows(s)).filter(({ kind }) => kind === 'runner_forgotten' || kind === 'key_revoked');
  expect(rows).toMatchObject([
    { kind: 'runner_forgotten', userId: OWNER_ID, runnerId: 'gone' },
    { kind: 'key_revoked', keyId },
  ]);
});

it('a token that another runner still needs is not revoked when a runner is forgotten', async () => {
  const { body } = await post('/api/keys', { name: 'box', kind: 'runner' });
  const keyHash = secretHash(body['token'] as string);
  const rids = ['twin-a', 'twin-b'];
  for (const runnerId of rids) {
    const twin = await FakeRunner.start(s.b, runnerId, s.home);
    await runnerOwnerRows(s.b).put(runnerOwnerKey(runnerId), {
      ...{ userId: OWNER_ID, runnerId, secretHash: 'x', keyHash },
    });
    await twin.stop();
    await expect.poll(() => ask(`/api/runners/${runnerId}`)).toMatchObject({ body: { runner: { online: false } } });
  }
  const answers = [];
  for (const rid of rids) answers.push((await ask(`/api/runners/${rid}`, { method: 'DELETE' })).body['tokenRevoked']);
  expect(answers).toEqual([false, true]);
});
