import { claimSession, holdLease, recentSessionsRows, sessionRowKey, sessionRows } from '@pizzapi/backbone';
import { initialSessionInfo, type SessionInfo, type SessionsReply } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal } from './testing/client.js';
import { projectRecent } from './testing/fakeRunner.js';
import { PATIENT } from './testing/patience.js';
import type { TestPerson } from './testing/people.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

/** Ada has many sessions that ended long ago. Eve has none. The projector's part is written by the tests. */
let s: GatewayScenario;
let ada: TestPerson;
let eve: TestPerson;
const COUNT = 230;
const DAY = 24 * 60 * 60_000;
const idAt = (index: number): string => `ada-${String(index).padStart(4, '0')}`;

beforeAll(async () => {
  s = await startScenario();
  [ada, eve] = [await s.person('Ada'), await s.person('Eve')];
  for (let i = COUNT - 1; i >= 0; i--)
    await project(ada, idAt(i), { state: 'ended', lastActivityAt: 1_000 * DAY - i * DAY });
});
afterAll(() => s.end());

/** Writes a session as the authenticator and the projector do. */
async function project(of: TestPerson, sid: string, more: Partial<SessionInfo>): Promise<void> {
  const claim = await claimSession(s.b, { sid, userId: of.userId, runnerId: 'box' });
  if (claim.kind !== 'granted') throw new Error('The session was refused');
  const info = { ...initialSessionInfo(sid), runnerId: 'box', lastActivityAt: Date.now(), ...more };
  await projectRecent(s.b, of.userId, sid, info.lastActivityAt);
  const row = { info, lastSeq: 1, count: 1, epoch: 1, checkpoints: [] };
  await sessionRows(s.b).put(sessionRowKey(of.userId, sid), row);
}

async function page(query = '', of = ada, url?: string): Promise<SessionsReply> {
  const answer = await s.fetch(`/api/sessions${query}`, { token: of.token, ...(url === undefined ? {} : { url }) });
  expect(answer.status).toBe(200);
  return (await answer.json()) as SessionsReply;
}

const ids = ({ sessions }: SessionsReply): string[] => sessions.map(({ sessionId }) => sessionId);
const statusOf = async (sid: string, { token }: TestPerson): Promise<number> =>
  (await s.fetch(`/api/sessions/${sid}`, { token })).status;

describe('the entry of a session', () => {
  it('has its model in parts in every answer and frame, while the row keeps the text', async () => {
    const cleo = await s.person('Cleo');
    const sid = 'cleo-model';
    const parts = { provider: 'openrouter', id: 'anthropic/claude' };
    const model = 'openrouter/anthropic/claude';
    await project(cleo, sid, { model, state: 'ended', endedAt: 1_000, lastActivityAt: 2_000 * DAY });
    const expected = {
      sessionId: sid,
      model: parts,
      modelInfo: parts,
      sessionName: '',
      userName: 'Cleo',
      viewerCount: 0,
    };
    await expect
      .poll(async () => (await page('', cleo)).sessions.find(({ sessionId }) => sessionId === sid), PATIENT)
      .toMatchObject(expected);
    const one = await s.fetch(`/api/sessions/${sid}`, { token: cleo.token });
    expect(await one.json()).toMatchObject({ session: expected });
    const hub = await s.connect('/ws/hub', { token: cleo.token });
    const [first] = (await hub.heard('sessions'))['sessions'] as SessionInfo[];
    expect(first).toMatchObject(expected);
    expect(first).not.toHaveProperty('expiresAt');
    await project(cleo, sid, { model, state: 'idle', name: 'Renamed', lastActivityAt: 2_000 * DAY });
    expect(await hub.heard('session_status')).toMatchObject({ session: { model: parts, sessionName: 'Renamed' } });
    await project(cleo, sid, { model: '', state: 'ended', lastActivityAt: 2_000 * DAY });
    await expect
      .poll(() => (hub.of('session_status').at(-1)?.['session'] as SessionInfo | undefined)?.model, PATIENT)
      .toBeNull();
    expect((await sessionRows(s.b).get(sessionRowKey(cleo.userId, sid)))?.value.info.model).toBe('');
    hub.ws.close();
  });
});

describe('the list of sessions', () => {
  it('comes page by page, each session once, also when another gateway answers', async () => {
    const { url } = await s.start();
    for (const urls of [[s.url], [s.url, url]]) {
      const read: string[] = [];
      let next: string | undefined = '';
      for (let i = 0; next !== undefined; i++) {
        const { cursor, ...reply }: SessionsReply = await page(`?limit=90${next}`, ada, urls[i % urls.length]);
        read.push(...ids(reply));
        next = cursor === undefined ? undefined : `&cursor=${cursor}`;
      }
      expect(read).toEqual(Array.from({ length: COUNT }, (_, i) => idAt(i)));
    }
  });

  it('refuses an invalid cursor', async () => {
    const answer = await s.fetch('/api/sessions?cursor=none', { token: ada.token });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'bad_request' } }]);
    expect((await s.fetch('/api/sessions?limit=501', { token: ada.token })).status).toBe(400);
  });

  it('has what a filter leaves, of all sessions', async () => {
    await project(ada, idAt(220), { state: 'idle', name: 'Parser', lastActivityAt: 1_000 * DAY - 220 * DAY });
    await expect.poll(async () => ids(await page('?q=parser')), PATIENT).toEqual([idAt(220)]);
    expect(ids(await page('?state=live'))).toEqual([idAt(220)]);
    expect(ids(await page('?runner=none'))).toEqual([]);
    expect(ids(await page('?q=parser', eve))).toEqual([]);
  });

  it('begins with a session that waits for a person, however old, and with what the rows have without recent sessions', async () => {
    await project(ada, idAt(225), { state: 'waiting', lastActivityAt: 1_000 * DAY - 225 * DAY });
    const held = await holdLease(s.b, `session.${idAt(225)}`, { epoch: 1 });
    await expect.poll(async () => ids(await page()), PATIENT).toHaveLength(101);
    expect(ids(await page()).at(-1)).toBe(idAt(225));
    if (held.kind === 'held') await held.lease.release();
    await recentSessionsRows(s.b).delete(ada.userId);
    expect(ids(await page('?limit=2'))).toEqual([idAt(0), idAt(1)]);
    for (let i = 0; i < 200; i++) await projectRecent(s.b, ada.userId, idAt(i), 1_000 * DAY - i * DAY);
  });
});

describe('a connection to the list', () => {
  it('gets the first page, and the changes of all sessions', async () => {
    const hub = await s.connect('/ws/hub', { token: ada.token });
    const first = (await hub.heard('sessions')) as unknown as SessionsReply;
    expect([ids(first), typeof first.cursor]).toEqual([ids(await page()), 'string']);
    expect(ids(first)).not.toContain(idAt(210));
    expect(ids(await page(`?cursor=${first.cursor}`))[0]).toBe(idAt(100));
    await project(ada, idAt(210), { name: 'changed' });
    await expect
      .poll(() => hub.frames.map(({ session }) => session), PATIENT)
      .toContainEqual(expect.objectContaining({ sessionId: idAt(210), name: 'changed' }));
  });

  it('misses no change while the gateway is without nats-server', async () => {
    const hub = await s.connect('/ws/hub', { token: ada.token });
    await hub.heard('sessions');
    await s.nats.kill9();
    const changes = [project(ada, idAt(205), { name: 'meanwhile' }), project(ada, 'ada-new', { name: 'new' })];
    await s.nats.restart();
    await Promise.all(changes);
    await expect
      .poll(() => hub.frames.map(({ session }) => (session as SessionInfo | undefined)?.name), PATIENT)
      .toEqual(expect.arrayContaining(['meanwhile', 'new']));
  });

  it('gets nothing of others, and no meta state of what does not exist', async () => {
    const hub = await s.connect('/ws/hub', { token: eve.token });
    expect((await hub.heard('sessions'))['sessions']).toEqual([]);
    await project(ada, idAt(3), { name: 'hers' });
    await project(eve, 'eve-1', {});
    // The same row may come twice, unchanged.
    const named = () =>
      new Set(hub.frames.flatMap(({ session }) => (session as SessionInfo | undefined)?.sessionId ?? []));
    await expect.poll(named, PATIENT).toEqual(new Set(['eve-1']));
  });
});

describe('a session that is deleted', () => {
  it('leaves list and connections at once, and shows nothing of itself when its id is granted again', async () => {
    const sid = 'ada-deleted';
    await project(ada, sid, { state: 'ended', name: 'secret' });
    const hub = await s.connect('/ws/hub', { token: ada.token });
    await hub.heard('sessions');
    await expect.poll(() => statusOf(sid, ada), PATIENT).toBe(200);
    const { url } = await s.start();
    expect((await s.fetch(`/api/sessions/${sid}`, { token: ada.token, url })).status).toBe(200);
    expect((await s.fetch(`/api/sessions/${sid}`, { method: 'DELETE', token: ada.token })).status).toBe(204);
    expect([await statusOf(sid, ada), ids(await page()).includes(sid)]).toEqual([404, false]);
    await expect
      .poll(() => hub.of('session_removed'), PATIENT)
      .toContainEqual({ type: 'session_removed', sessionId: sid });
    await project(eve, sid, { name: 'Eve’s' });
    for (const at of [s.url, url]) {
      const of = (person: TestPerson) => s.fetch(`/api/sessions/${sid}`, { token: person.token, url: at });
      await expect.poll(async () => (await of(eve)).text(), PATIENT).toContain('Eve’s');
      expect((await of(ada)).status).toBe(404);
    }
    const protocols = ['pizzapi.v1.msgpack', `bearer.${ada.token}`];
    expect(await refusal(`${s.url.replace('http', 'ws')}/ws/sessions/${sid}`, protocols)).toMatchObject({
      status: 404,
    });
    expect(JSON.stringify(hub.frames)).not.toContain('Eve’s');
  });
});
