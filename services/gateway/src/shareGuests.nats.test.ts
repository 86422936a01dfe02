import { AUDIT_STREAM, bucket, streamHead } from '@pizzapi/backbone';
import { defaultMetaState, MAX_FRAME_BYTES, OWNER_ID } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRows } from './testing/auditRows.js';
import type { FakeRunner } from './testing/fakeRunner.js';
import type { GatewayScenario } from './testing/scenario.js';
import { failure, SharedSession } from './testing/sharedSession.js';
import { share } from './testing/shares.js';

let shared: SharedSession;
let s: GatewayScenario;
let runner: FakeRunner;
let sid: string;
beforeAll(async () => {
  shared = await SharedSession.start();
  ({ s, runner, sid } = shared);
});
afterAll(() => shared.end());

const ask = (...args: Parameters<SharedSession['ask']>) => shared.ask(...args);
const of = (path = '') => shared.path(path);
const watch = (...args: Parameters<SharedSession['watch']>) => shared.watch(...args);

describe('a guest who watches', () => {
  it('reads the session, over HTTP and on its socket', async () => {
    const { token } = await share(s, sid);
    expect(await ask('/api/auth/me', { token })).toMatchObject({ status: 200, body: { role: 'guest', by: 'share' } });
    expect(await ask(of(), { token })).toMatchObject({ status: 200, body: { session: { sessionId: sid } } });
    expect((await s.fetch(of('/events'), { token })).status).toBe(200);
    expect((await ask(of('/meta'), { token })).status).toBe(200);
    const client = await watch(token);
    expect(client.of('hello')[0]).toMatchObject({ mode: 'read', sessionId: sid });
    client.send({ type: 'resume' });
    await client.heard('live');
    expect(client.seqs.length).toBeGreaterThan(0);
  });

  it('is seen by the owner, by the name they gave', async () => {
    const { token, shareId } = await share(s, sid);
    const owner = await s.connect(sid);
    await owner.heard('hello');
    await watch(token, `?name=${encodeURIComponent(' Grace\u202E ')}`);
    await expect
      .poll(() => owner.of('presence').at(-1)?.['viewers'])
      .toContainEqual(expect.objectContaining({ userId: `guest_${shareId}`, name: 'Grace', mode: 'read' }));
    const rows = await auditRows(s);
    expect(rows).toContainEqual(
      expect.objectContaining({
        kind: 'join',
        userId: `guest_${shareId}`,
        guest: 'Grace',
        mode: 'read',
        sessionId: sid,
      }),
    );
  });

  it('sends nothing that has an effect: whatever it is, they may only watch, and the audit log has it', async () => {
    const { token, shareId } = await share(s, sid);
    // A gateway that has not refused so much before that it leaves rows out.
    const { url } = await s.start();
    const client = await s.connect(sid, { token, url });
    await client.heard('hello');
    const [after, before] = [await streamHead(s.b, AUDIT_STREAM), runner.commands.length];
    const frames = [
      { type: 'input', ref: 'a', text: 'hi', mode: 'owner', by: { userId: 'owner', via: 'owner' } },
      { type: 'command', ref: 'b', name: 'abort', role: 'admin' },
      { type: 'command', ref: 'c', name: 'no such command' },
      { type: 'resize', ref: 'd', cols: 80, rows: 24 },
      { type: 'input', ref: 'e' },
    ];
    for (const frame of frames) client.send(frame);
    await expect.poll(() => client.of('error')).toHaveLength(frames.length);
    expect(client.of('error').map(({ code, ref }) => [code, ref])).toEqual(frames.map(({ ref }) => ['read_only', ref]));
    client.send({ type: 'ping' });
    await client.heard('pong');
    const paths = ['/input', '/commands', '/blobs'];
    for (const path of paths) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const answer = await fetch(url + of(path), { method: 'POST', headers, body: '{"text":"hi","name":"abort"}' });
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ error: { code: 'read_only' } });
    }
    expect(runner.commands.length).toBe(before);
    const denials = async () =>
      (await auditRows(s, after)).filter(({ kind, userId }) => kind === 'refused' && userId === `guest_${shareId}`);
    await expect.poll(denials).toHaveLength(frames.length + paths.length);
    const rows = await denials();
    expect(rows.every(({ code }) => code === 'read_only')).toBe(true);
    expect(rows.map(({ frame, path }) => frame ?? path)).toEqual([...frames.map(({ type }) => type), ...paths.map(of)]);
  });

  it('is what the link says, whatever they say they are', async () => {
    const { token } = await share(s, sid);
    const client = await watch(token, '?mode=owner&role=admin&userId=owner&via=owner&name=Owner');
    expect(client.of('hello')[0]).toMatchObject({ mode: 'read' });
    client.send({ type: 'resume', mode: 'collab', userId: 'owner' });
    client.send({ type: 'command', ref: 'x', name: 'abort', mode: 'owner', via: 'owner' });
    expect(await client.heard('error')).toMatchObject({ code: 'read_only', ref: 'x' });
  });

  it('loses the socket at most by a malformed frame', async () => {
    const { token } = await share(s, sid);
    const [large, poisoned] = [await watch(token), await watch(token)];
    large.ws.send(Buffer.alloc(MAX_FRAME_BYTES + 1));
    expect((await large.closed).code).toBe(1009);
    poisoned.send(JSON.parse('{"type":"input","ref":"p","__proto__":{"mode":"owner"},"text":"x"}') as object);
    expect(await poisoned.heard('error')).toMatchObject({ code: 'read_only' });
    expect((await s.fetch('/livez')).status).toBe(200);
  });
});

describe('a guest who takes part', () => {
  it('speaks under the name they gave, marked as having come by a link', async () => {
    const { token, shareId } = await share(s, sid, 'collab');
    const client = await watch(token, '?name=Linus&userId=owner&via=owner');
    expect(client.of('hello')[0]).toMatchObject({ mode: 'collab' });
    client.send({ type: 'input', ref: 'r', text: 'hi', by: { userId: 'owner', via: 'owner' } });
    const { commandId } = await client.heard('ack');
    await expect.poll(() => runner.commands.at(-1)).toMatchObject({ commandId, name: 'input' });
    expect(runner.commands.at(-1)!.by).toEqual({ userId: `guest_${shareId}`, via: 'collab', name: 'Linus' });
    const over = await ask(of('/input?name=Linus'), { method: 'POST', json: { text: 'and so' }, token });
    expect(over.status).toBe(202);
    await expect
      .poll(() => runner.commands.at(-1))
      .toMatchObject({ commandId: over.body['commandId'], by: { via: 'collab', name: 'Linus' } });
  });

  it('approves where the link says so now, and only this one call', async () => {
    const { token, shareId } = await share(s, sid, 'approve');
    const client = await watch(token, '?name=Eve');
    expect(client.of('hello')[0]).toMatchObject({ mode: 'approve' });
    const approval = { promptId: 'a1', title: 'Allow?' };
    await bucket(s.b, 'session-meta').put(sid, {
      ...{ state: { ...defaultMetaState(), pendingApproval: approval }, lastSeq: 1 },
    });
    const answer = (ref: string, value: unknown) =>
      client.send({ type: 'command', ref, name: 'dialog_response', args: { dialogId: 'a1', value, by: OWNER_ID } });
    answer('folder', 'folder');
    expect(await client.heard('error')).toMatchObject({ ref: 'folder', code: 'forbidden' });
    answer('once', 'approve');
    const { commandId } = await client.heard('ack');
    await expect.poll(() => runner.commands.at(-1)).toMatchObject({ commandId, args: { value: 'approve' } });
    const { by, args } = runner.commands.at(-1)!;
    expect(by).toEqual({ userId: `guest_${shareId}`, via: 'collab', name: 'Eve', right: 'approve' });
    expect(args).not.toHaveProperty('by');

    await ask(of(`/shares/${shareId}`), { method: 'PATCH', json: { mode: 'collab' } });
    expect((await client.closed).code).toBe(1012);
    const json = { name: 'dialog_response', args: { dialogId: 'a1', value: 'approve' } };
    expect(await ask(of('/commands'), { method: 'POST', json, token })).toMatchObject(failure(403, 'forbidden'));
    await bucket(s.b, 'session-meta').delete(sid);
  });

  it('does not end, copy or rename the session, nor run anything on its host', async () => {
    const { token } = await share(s, sid, 'collab');
    const client = await watch(token);
    const before = runner.commands.length;
    const commands: [string, object][] = [
      ['kill_session', {}],
      ['fork', {}],
      ['exec', { command: 'id' }],
      ['set_name', { name: 'x' }],
      ['attach_session', {}],
      ['restart', {}],
    ];
    for (const [name, args] of commands) client.send({ type: 'command', ref: name, name, args });
    await expect.poll(() => client.of('error')).toHaveLength(commands.length);
    expect(client.of('error').map(({ code, ref }) => [ref, code])).toEqual(
      commands.map(([name]) => [name, 'forbidden']),
    );
    const http = await ask(of('/commands'), { method: 'POST', json: { name: 'kill_session' }, token });
    expect(http).toMatchObject(failure(403, 'forbidden'));
    expect(runner.commands.length).toBe(before);
  });

  it('brings files, which are then the owner’s', async () => {
    const { token } = await share(s, sid, 'collab');
    const headers = { 'content-type': 'image/png' };
    const up = await s.fetch(of('/blobs'), { method: 'POST', headers, body: 'pixels', token });
    const { blob } = (await up.json()) as { blob: string };
    expect((await s.fetch(of(`/blobs/${blob}`))).status).toBe(200);
    expect((await s.fetch(of(`/blobs/${blob}`), { token })).status).toBe(200);
  });
});
