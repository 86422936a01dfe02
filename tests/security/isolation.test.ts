import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHash, randomBytes } from 'node:crypto';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { newSession } from '../support/viewer.js';
import { ask, type HttpAnswer } from './support/http.js';
import { fromPage, newShare, settleOwner, signUp, type Person } from './support/people.js';
import { join, refusal } from './support/socket.js';
import { apart, TOLERANCE } from './support/timing.js';
import { startHostWithSession, type Host, type HostedSession } from './support/hosts.js';

/** Ada has sessions, a runner, links and files. Eve has an account of her own, and guesses. */
let stage: LocalStack;
let ada: Person;
let eve: Person;
let evesHost: Host;
let evesSession: HostedSession;
const adas = { sid: '', rid: '', shareId: '', blob: '', keyId: '', loginId: '' };

/** Ids that nothing has, of the same shape. */
const unknown = (): typeof adas => ({
  sid: `${adas.sid.slice(0, -6)}${randomBytes(3).toString('hex')}`,
  rid: `${adas.rid.slice(0, -6)}${randomBytes(3).toString('hex')}`,
  shareId: `${adas.shareId.slice(0, -6)}${randomBytes(3).toString('hex')}`,
  blob: createHash('sha256').update(randomBytes(9)).digest('hex'),
  keyId: `${adas.keyId.slice(0, -6)}${randomBytes(3).toString('hex')}`,
  loginId: `${adas.loginId.slice(0, -6)}${randomBytes(3).toString('hex')}`,
});

beforeAll(async () => {
  stage = await startLocalStack({ PIZZAPI_SIGNUP: 'open' });
  ada = await settleOwner(stage);
  eve = await signUp(stage, 'Eve');
  adas.sid = await newSession(stage);
  adas.shareId = (await newShare(stage, stage.token, adas.sid)).shareId;
  const file = { bearer: stage.token, headers: { 'content-type': 'text/plain' }, body: 'Ada’s recipe' };
  adas.blob = ((await ask(stage.url, `/api/sessions/${adas.sid}/blobs`, file)).json as { blob: string }).blob;
  const runners = await ask(stage.url, '/api/runners', { bearer: stage.token });
  adas.rid = (runners.json as { runners: { runnerId: string }[] }).runners[0]!.runnerId;
  adas.keyId = ada.key.key.id;
  const logins = await ask(stage.url, '/api/auth/logins', fromPage(stage, ada));
  adas.loginId = (logins.json as { logins: { id: string }[] }).logins[0]!.id;
  const started = await startHostWithSession(stage, eve, { rid: 'eves-laptop', sid: 'eves-session' });
  [evesHost, evesSession] = [started.host, started.session];
});
afterAll(async () => {
  await evesSession?.close();
  await evesHost?.close();
  await stage?.clear();
});

type Guess = [what: string, method: string, path: (ids: typeof adas) => string, json?: (ids: typeof adas) => unknown];
const guesses: Guess[] = [
  ['a session', 'GET', ({ sid }) => `/api/sessions/${sid}`],
  ['a log', 'GET', ({ sid }) => `/api/sessions/${sid}/events`],
  ['a state', 'GET', ({ sid }) => `/api/sessions/${sid}/meta`],
  ['a file', 'GET', ({ sid, blob }) => `/api/sessions/${sid}/blobs/${blob}`],
  ['a session’s links', 'GET', ({ sid }) => `/api/sessions/${sid}/shares`],
  ['input', 'POST', ({ sid }) => `/api/sessions/${sid}/input`, () => ({ text: 'x' })],
  ['a command', 'POST', ({ sid }) => `/api/sessions/${sid}/commands`, () => ({ name: 'abort' })],
  ['an upload', 'POST', ({ sid }) => `/api/sessions/${sid}/blobs`, () => ({})],
  ['a link to be made', 'POST', ({ sid }) => `/api/sessions/${sid}/shares`, () => ({ mode: 'collab' })],
  ['all links to be revoked', 'DELETE', ({ sid }) => `/api/sessions/${sid}/shares`],
  ['a link to be revoked', 'DELETE', ({ sid, shareId }) => `/api/sessions/${sid}/shares/${shareId}`],
  [
    'a link to be changed',
    'PATCH',
    ({ sid, shareId }) => `/api/sessions/${sid}/shares/${shareId}`,
    () => ({ mode: 'read' }),
  ],
  ['a session to be deleted', 'DELETE', ({ sid }) => `/api/sessions/${sid}`],
  ['a runner', 'GET', ({ rid }) => `/api/runners/${rid}`],
  ['a runner to forget', 'DELETE', ({ rid }) => `/api/runners/${rid}`],
  ['a runner’s folders', 'GET', ({ rid }) => `/api/runners/${rid}/folders?path=/`],
  ['a session on a runner', 'POST', () => '/api/sessions', ({ rid }) => ({ runnerId: rid })],
  ['a key to be revoked', 'DELETE', ({ keyId }) => `/api/keys/${keyId}`],
  ['a sign-in to be ended', 'DELETE', ({ loginId }) => `/api/auth/logins/${loginId}`],
  ['a file in a session of hers', 'GET', ({ blob }) => `/api/sessions/eves-session/blobs/${blob}`],
  ['a link of a session of hers', 'DELETE', ({ shareId }) => `/api/sessions/eves-session/shares/${shareId}`],
];

const guess = (ids: typeof adas, [, method, path, json]: Guess): Promise<HttpAnswer> =>
  ask(stage.url, path(ids), { method, bearer: eve.token, ...(json === undefined ? {} : { json: json(ids) }) });

/** An answer without what was asked for in it. */
function plain({ status, text, headers }: HttpAnswer, ids: typeof adas): object {
  let body = text;
  for (const [name, id] of Object.entries(ids)) body = body.replaceAll(id, `<${name}>`);
  const { date: _date, 'keep-alive': _keepAlive, 'content-length': _length, 'x-request-id': _id, ...rest } = headers;
  return { status, body, headers: rest };
}

describe('(9) Eve guesses what is Ada’s', () => {
  it.each(guesses)('%s (%s): 404, to the letter as for what does not exist', async (...one) => {
    const nobodys = unknown();
    const [theirs, nothing] = [await guess(adas, one), await guess(nobodys, one)];
    expect(theirs.status, theirs.text).toBe(404);
    expect(plain(theirs, adas)).toEqual(plain(nothing, nobodys));
  });

  it('a socket: 404, to the letter as for what does not exist', async () => {
    const options = { bearer: eve.token };
    expect(await refusal(stage.url, `/ws/sessions/${adas.sid}`, options)).toBe('404 session_not_found');
    expect(await refusal(stage.url, `/ws/sessions/${unknown().sid}`, options)).toBe('404 session_not_found');
  });

  it('none of it touched anything: all of Ada’s is as it was', async () => {
    const mine = { bearer: stage.token };
    expect((await ask(stage.url, `/api/sessions/${adas.sid}`, mine)).status).toBe(200);
    expect((await ask(stage.url, `/api/sessions/${adas.sid}/blobs/${adas.blob}`, mine)).text).toBe('Ada’s recipe');
    const { shares } = (await ask(stage.url, `/api/sessions/${adas.sid}/shares`, mine)).json as { shares: object[] };
    expect(shares).toEqual([expect.not.objectContaining({ revokedAt: expect.anything() as unknown })]);
    expect((await ask(stage.url, '/api/auth/me', { bearer: ada.token })).status).toBe(200);
    expect((await ask(stage.url, '/api/auth/me', fromPage(stage, ada))).status).toBe(200);
  });

  it('a file of Ada’s is none that Eve could attach', async () => {
    const path = '/api/sessions/eves-session/input';
    const attach = (blob: string) => ({ text: 'x', attachments: [{ blob, size: 12, mediaType: 'text/plain' }] });
    const [theirs, nothing] = await Promise.all(
      [adas.blob, unknown().blob].map((blob) => ask(stage.url, path, { bearer: eve.token, json: attach(blob) })),
    );
    expect(theirs).toMatchObject({ status: 404, code: 'blob_not_found' });
    expect(theirs!.text).toBe(nothing!.text);
  });

  it('lists and feeds tell her of her own alone', async () => {
    const lists = await Promise.all(
      ['/api/sessions', '/api/runners', '/api/keys', '/api/auth/logins'].map((path) =>
        ask(stage.url, path, { bearer: eve.token }),
      ),
    );
    const hub = await join(stage.url, '/ws/hub', { bearer: eve.token });
    const runners = await join(stage.url, '/ws/runners', { bearer: eve.token });
    await hub.heard('sessions');
    await runners.heard('runners');
    // Something happens in Ada's session, which a feed of everybody's would tell.
    await ask(stage.url, `/api/sessions/${adas.sid}/commands`, {
      bearer: stage.token,
      json: { name: 'set_name', args: { name: 'Ada’s secret' } },
    });
    const other = await newSession(stage);
    hub.send({ type: 'subscribe_session_meta', sessionId: adas.sid });
    hub.send({ type: 'subscribe_session_meta', sessionId: 'nobodys' });
    hub.send({ type: 'ping' });
    await hub.heard('pong');
    const told = JSON.stringify([...lists.map(({ json }) => json), ...hub.frames, ...runners.frames]);
    const answers = hub.frames.filter(({ type }) => type === 'error' || type === 'state_snapshot');
    for (const id of [adas.rid, adas.keyId, adas.loginId, adas.shareId, other, 'Ada']) expect(told).not.toContain(id);
    expect(JSON.stringify(answers).replaceAll(adas.sid, 'nobodys')).not.toMatch(/Ada|state_snapshot/);
    expect(new Set(answers.map((frame) => JSON.stringify(frame).replaceAll(adas.sid, 'nobodys'))).size).toBeLessThan(2);
    hub.close();
    runners.close();
  });

  it('an admin sees people and the audit log, and nobody else’s session', async () => {
    for (const path of ['/api/sessions/eves-session', '/api/sessions/eves-session/events', '/api/runners/eves-laptop'])
      expect((await ask(stage.url, path, { bearer: ada.token })).status, path).toBe(404);
    for (const path of ['/api/users', '/api/audit']) {
      expect((await ask(stage.url, path, { bearer: eve.token })).status, path).toBe(403);
      expect((await ask(stage.url, path, { bearer: ada.token })).status, path).toBe(200);
    }
  });

  it('who has no credentials is told 401, whatever they name', async () => {
    for (const one of guesses.slice(0, -2)) {
      const [, method, path, json] = one;
      for (const ids of [adas, unknown()]) {
        const body = json === undefined ? {} : { json: json(ids) };
        expect((await ask(stage.url, path(ids), { method, ...body })).status, path(ids)).toBe(401);
      }
    }
  });

  const timed = [
    'a session',
    'a file',
    'a runner',
    'a link to be revoked',
    'a key to be revoked',
    'a file in a session of hers',
  ];
  it.each(guesses.filter(([what]) => timed.includes(what)))(
    '%s (%s) takes as long as what does not exist, within a tenth',
    async (...one) => {
      const nobodys = unknown();
      const outcome = await apart(
        () => guess(adas, one),
        () => guess(nobodys, one),
        150,
      );
      expect(outcome.share, outcome.medians).toBeLessThanOrEqual(TOLERANCE);
    },
  );
});
