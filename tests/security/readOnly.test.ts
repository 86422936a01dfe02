import { COMMANDS_STREAM, streamHead, type Backbone } from '@pizzapi/backbone';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shareLocalStack, type SharedStack } from '../support/localStack.js';
import { connectTo, readLog } from '../support/log.js';
import { until } from '../support/until.js';
import { newSession } from '../support/viewer.js';
import { ask } from './support/http.js';
import { newShare } from './support/people.js';
import { join, type OpenSocket } from './support/socket.js';
import { auditRow } from './support/auditRows.js';

let stage: SharedStack;
let auditor: Backbone;
let sid: string;

beforeAll(async () => {
  stage = await shareLocalStack();
  auditor = await connectTo(stage, 'auditor');
  sid = await newSession(stage);
  await until('the session runs', async () => (await readLog(stage, sid)).length > 0);
});
afterAll(async () => {
  await auditor?.close();
  await stage?.release();
});

const commandsSent = () => streamHead(auditor, COMMANDS_STREAM);

async function enter(bearer: string, query = ''): Promise<OpenSocket> {
  const socket = await join(stage.url, `/ws/sessions/${sid}${query}`, { bearer });
  await socket.heard('hello');
  socket.send({ type: 'resume' });
  await socket.heard('live');
  return socket;
}

/** What the log says after everybody had time to do what they were told. */
async function effects(after: number): Promise<Record<string, unknown>[]> {
  const mark = `mark-${crypto.randomUUID()}`;
  await ask(stage.url, `/api/sessions/${sid}/input`, { bearer: stage.token, json: { text: mark } });
  const log = await until('the owner is heard', async () => {
    const events = (await readLog(stage, sid)).filter(({ seq }) => seq > after).map(({ event }) => event);
    return events.some((event) => event['text'] === mark) && events;
  });
  return log.filter((event) => event.type === 'input_received' && event['text'] !== mark);
}

describe('(7) who came by a link to watch', () => {
  let reader: OpenSocket;
  let bearer: string;
  let shareId: string;

  beforeAll(async () => {
    ({ token: bearer, shareId } = await newShare(stage, stage.token, sid));
    reader = await enter(bearer, '?name=Mallory');
  });
  afterAll(() => reader.close());

  const frames = [
    { type: 'input', ref: 'input', text: 'rm -rf /' },
    { type: 'command', ref: 'abort', name: 'abort' },
    { type: 'command', ref: 'exec', name: 'exec', args: { command: 'id' } },
    { type: 'command', ref: 'kill', name: 'kill_session' },
    { type: 'resize', ref: 'resize', cols: 80, rows: 24 },
    { type: 'command', ref: 'made-up', name: 'constructor' },
  ];

  it.each(frames)('is told read_only for $ref, with a row in the audit log and no effect', async (frame) => {
    const before = await commandsSent();
    reader.send(frame);
    expect(await reader.heard('error', ({ ref }) => ref === frame.ref)).toMatchObject({ code: 'read_only' });
    const row = await auditRow(stage, 'refused', (each) => each['sessionId'] === sid && each['frame'] === frame.type);
    expect(row).toMatchObject({ code: 'read_only', userId: `guest_${shareId}` });
    expect(await commandsSent()).toBe(before);
  });

  it('goes on watching, and none of it happened', async () => {
    const { head } = (await reader.heard('hello')) as unknown as { head: number };
    expect(await effects(head)).toEqual([]);
    await reader.heard('event', ({ event }) => (event as { type: string }).type === 'input_received');
    expect(reader.frames.filter(({ type }) => type === 'ack')).toEqual([]);
  });

  it('is told the same over HTTP', async () => {
    const before = await commandsSent();
    for (const [path, json] of [
      ['input', { text: 'x' }],
      ['commands', { name: 'abort' }],
      ['blobs', { a: 1 }],
    ] as const) {
      const answer = await ask(stage.url, `/api/sessions/${sid}/${path}`, { bearer, json });
      expect([answer.status, answer.code], path).toEqual([403, 'read_only']);
    }
    expect(await commandsSent()).toBe(before);
  });

  it('sees nothing of the account behind the session', async () => {
    const closed: [string, string][] = [
      ['GET', '/api/sessions'],
      ['POST', '/api/sessions'],
      ['POST', '/ws/sessions'],
      ['DELETE', `/api/sessions/${sid}`],
      ['GET', '/api/runners'],
      ['GET', '/api/keys'],
      ['POST', '/api/keys'],
      ['GET', '/api/auth/logins'],
      ['POST', '/api/auth/password'],
      ['GET', '/api/users'],
      ['GET', '/api/audit'],
      ['GET', `/api/sessions/${sid}/shares`],
      ['POST', `/api/sessions/${sid}/shares`],
      ['DELETE', `/api/sessions/${sid}/shares`],
      ['PATCH', `/api/sessions/${sid}/shares/${shareId}`],
      ['GET', '/api/pair/ABCD2345'],
      ['POST', '/api/pair/ABCD2345/approve'],
    ];
    for (const [method, path] of closed) {
      const answer = await ask(stage.url, path, { method, bearer });
      expect([403, 404], `${method} ${path}: ${answer.text}`).toContain(answer.status);
    }
    const me = await ask(stage.url, '/api/auth/me', { bearer });
    expect(me.json).toEqual({
      userId: `guest_${shareId}`,
      name: 'Guest',
      role: 'guest',
      by: 'share',
      hasPassword: false,
    });
  });
});

describe('(8) a client that says of itself what it may', () => {
  const claims = { mode: 'owner', role: 'admin', via: 'owner', userId: 'owner', by: { userId: 'owner', via: 'owner' } };

  it('as the owner, is a reader all the same', async () => {
    const { token, shareId } = await newShare(stage, stage.token, sid);
    const query = '?mode=owner&role=admin&userId=owner&via=owner&name=owner';
    const socket = await join(stage.url, `/ws/sessions/${sid}${query}`, {
      bearer: token,
      headers: { 'x-user-id': 'owner', 'x-forwarded-user': 'owner', 'x-mode': 'owner' },
    });
    expect(await socket.heard('hello')).toMatchObject({ mode: 'read' });
    socket.send({ type: 'resume', ...claims });
    socket.send({ type: 'hello', ...claims });
    socket.send({ type: 'input', ref: 'r', text: 'x', ...claims });
    expect(await socket.heard('error', ({ ref }) => ref === 'r')).toMatchObject({ code: 'read_only' });
    const own = await socket.heard('presence', ({ viewers }) =>
      (viewers as { userId: string }[]).some(({ userId }) => userId === `guest_${shareId}`),
    );
    expect(own['viewers']).toContainEqual(expect.objectContaining({ userId: `guest_${shareId}`, mode: 'read' }));
    socket.close();
  });

  it('as the owner with a collaborative link, is in the log as who they are: via the link, by the name they gave', async () => {
    const { token, shareId } = await newShare(stage, stage.token, sid, { mode: 'collab' });
    const socket = await enter(token, `?name=${encodeURIComponent('Mallory\u202e\u0000\n')}`);
    expect(socket.frames[0]).toMatchObject({ type: 'hello', mode: 'collab' });
    socket.send({ type: 'input', ref: 'r', text: 'who am I?', ...claims });
    const { commandId } = await socket.heard('ack', ({ ref }) => ref === 'r');
    const { event } = await socket.heard('event', (frame) => {
      const { type, commandId: id } = frame['event'] as Record<string, unknown>;
      return type === 'input_received' && id === commandId;
    });
    const by = { userId: `guest_${shareId}`, via: 'collab', name: 'Mallory' };
    expect(event).toMatchObject({ by });
    expect(await auditRow(stage, 'input', (row) => row['commandId'] === commandId)).toMatchObject({
      userId: by.userId,
      via: 'collab',
      guest: 'Mallory',
    });
    socket.close();
  });

  it('with a collaborative link, may talk and not decide: nothing that reaches beyond the conversation', async () => {
    const { token } = await newShare(stage, stage.token, sid, { mode: 'collab' });
    const socket = await enter(token);
    const before = await commandsSent();
    for (const name of ['kill_session', 'exec', 'fork', 'attach_session', 'new_session', 'restart', 'shutdown']) {
      socket.send({ type: 'command', ref: name, name, args: { command: 'id', entryId: 'x' }, ...claims });
      const { code } = await socket.heard('error', ({ ref }) => ref === name);
      expect(['forbidden', 'command_unknown'], name).toContain(code);
      const answer = await ask(stage.url, `/api/sessions/${sid}/commands`, { bearer: token, json: { name } });
      expect([403, 422], name).toContain(answer.status);
    }
    expect(await commandsSent()).toBe(before);
    socket.close();
  });

  it('over HTTP, names itself in vain', async () => {
    const { token, shareId } = await newShare(stage, stage.token, sid, { mode: 'collab' });
    const answer = await ask(stage.url, `/api/sessions/${sid}/input?userId=owner`, {
      bearer: token,
      headers: { 'x-user-id': 'owner', 'x-http-method-override': 'DELETE' },
      json: { text: 'hello', ...claims },
    });
    expect(answer.status).toBe(202);
    const { commandId } = answer.json as { commandId: string };
    expect(await auditRow(stage, 'input', (row) => row['commandId'] === commandId)).toMatchObject({
      userId: `guest_${shareId}`,
    });
  });
});
