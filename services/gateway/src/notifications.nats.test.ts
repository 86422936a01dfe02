import { AUDIT_STREAM, bucket, requestRpc, streamHead } from '@pizzapi/backbone';
import { startPushService, startWebhook, type PushService, type WebhookReceiver } from '@pizzapi/process/testing';
import {
  encode,
  MAX_DEVICES,
  OWNER_ID,
  subjects,
  type NotificationsReply,
  type NotificationTestReply,
  type PushPayload,
  type PushSubscriptionRow,
} from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pageOf } from './testing/browser.js';
import { PATIENT } from './testing/patience.js';
import type { TestPerson } from './testing/people.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';
import { share } from './testing/shares.js';
import { auditRows } from './testing/auditRows.js';

let s: GatewayScenario;
let service: PushService;
let webhook: WebhookReceiver;
beforeAll(async () => {
  [service, webhook] = await Promise.all([startPushService(), startWebhook()]);
  s = await startScenario({ reach: { allowPrivate: true, ca: service.ca }, attemptsPerMinute: 100 });
});
afterAll(async () => {
  await s.end();
  await Promise.all([service.stop(), webhook.stop()]);
});

type Asking = Parameters<GatewayScenario['fetch']>[1] & { as?: TestPerson };
async function ask<T = Record<string, unknown>>(
  path: string,
  { as, ...init }: Asking = {},
): Promise<{ status: number; body: T }> {
  const answer = await s.fetch(path, { ...init, ...(as === undefined ? {} : { token: as.token }) });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
}
const failure = (status: number, code: string) => ({ status, body: { error: { code } } });

const PATH = '/api/notifications';
const read = async (as: TestPerson) => (await ask<NotificationsReply>(PATH, { as })).body;
const write = (as: TestPerson, more: object = {}) =>
  ask(PATH, { method: 'PUT', as, json: { agentFinished: true, needsInput: true, error: true, ...more } });
const subscribe = (as: TestPerson, json: object) =>
  ask<{ id: string }>(`${PATH}/subscriptions`, { method: 'POST', as, json });
const browser = async (as: TestPerson) => service.subscribe<PushPayload>((await read(as)).publicKey);
const test = async (as: TestPerson) =>
  (await ask<NotificationTestReply>(`${PATH}/test`, { method: 'POST', as })).body.results;

describe('what somebody wants to be told', () => {
  it('is everything, nowhere, until they say otherwise; the key is everybody’s and stays', async () => {
    const [ada, bob] = [await s.person('Ada'), await s.person('Bob')];
    const first = await read(ada);
    expect(first).toMatchObject({
      prefs: { agentFinished: true, needsInput: true, error: true, webhook: null, muted: [] },
      devices: [],
    });
    const { gateway } = await s.start();
    expect((await read(bob)).publicKey).toBe(first.publicKey);
    await gateway.stop();
    expect(await write(ada, { agentFinished: false })).toMatchObject({ status: 200, body: { agentFinished: false } });
    expect([(await read(ada)).prefs.agentFinished, (await read(bob)).prefs.agentFinished]).toEqual([false, true]);
  });

  it('may be posted to a webhook, whose token is never told, and goes to no other address', async () => {
    const ada = await s.person('Ada');
    const { url } = webhook;
    await write(ada, { webhook: { url, token: 'tk_secret' } });
    const answers = await ask(PATH, { as: ada });
    expect(answers.body['prefs']).toMatchObject({ webhook: { url, hasToken: true } });
    expect(JSON.stringify(answers)).not.toContain('tk_secret');
    await write(ada);
    expect((await write(ada, { webhook: { url: `${url}-2` } })).body['webhook']).toMatchObject({ hasToken: true });
    const elsewhere = { url: url.replace('127.0.0.1', 'localhost') };
    expect((await write(ada, { webhook: elsewhere })).body['webhook']).toMatchObject({ hasToken: false });
    expect((await write(ada, { webhook: null })).body['webhook']).toBeNull();
  });

  it('is refused where it cannot be sent', async () => {
    const ada = await s.person('Ada');
    for (const url of ['ntfy.sh/x', 'ftp://ntfy.sh/x', 'https://me:pw@ntfy.sh/x', ''])
      expect(await write(ada, { webhook: { url } })).toMatchObject(failure(400, 'bad_request'));
    const { subscription } = await browser(ada);
    const { endpoint, keys } = subscription;
    for (const json of [
      { ...subscription, endpoint: endpoint.replace('https', 'http') },
      { ...subscription, endpoint: 'nonsense' },
      { endpoint, keys: { ...keys, p256dh: 'A'.repeat(87) } },
      { endpoint },
    ])
      expect(await subscribe(ada, json)).toMatchObject(failure(400, 'bad_request'));
  });

  it('goes to no private address unless whoever runs the relay allows that', async () => {
    const strict = await s.start({ reach: { allowPrivate: false } });
    const ada = await s.person('Ada');
    const { subscription } = await browser(ada);
    const send = async (path: string, method: string, json: object) => {
      const headers = { authorization: `Bearer ${ada.token}`, 'content-type': 'application/json' };
      const answer = await fetch(strict.url + path, { method, headers, body: JSON.stringify(json) });
      return { status: answer.status, body: (await answer.json()) as unknown };
    };
    const wishes = { agentFinished: true, needsInput: true, error: true };
    for (const url of [webhook.url, 'http://localhost/x', 'http://169.254.169.254/latest', 'http://[::1]/'])
      expect(await send(PATH, 'PUT', { ...wishes, webhook: { url } })).toMatchObject(failure(422, 'address_refused'));
    expect(await send(`${PATH}/subscriptions`, 'POST', subscription)).toMatchObject(failure(422, 'address_refused'));
    // What was saved before is not sent either.
    await subscribe(ada, subscription);
    const before = service.requests();
    expect(await send(`${PATH}/test`, 'POST', {})).toMatchObject({ body: { results: [{ outcome: 'refused' }] } });
    expect(service.requests()).toBe(before);
  });
});

describe('a device', () => {
  it('is told, and is forgotten by its person or once it has withdrawn', async () => {
    const ada = await s.person('Ada');
    const [phone, tablet] = [await browser(ada), await browser(ada)];
    const { body, status } = await subscribe(ada, { ...phone.subscription, label: 'Phone', expirationTime: null });
    expect(status).toBe(201);
    await subscribe(ada, { ...tablet.subscription, label: 'Tablet' });
    await subscribe(ada, { ...phone.subscription, label: 'My phone' });
    await write(ada, { webhook: { url: webhook.url } });
    expect((await read(ada)).devices).toMatchObject([
      { id: body.id, label: 'My phone', service: new URL(phone.subscription.endpoint).host },
      { label: 'Tablet' },
    ]);
    expect(await test(ada)).toMatchObject([
      { target: 'device', id: body.id, label: 'My phone', outcome: 'delivered' },
      { target: 'device', label: 'Tablet', outcome: 'delivered' },
      { target: 'webhook', outcome: 'delivered' },
    ]);
    expect((await phone.pushes.nth()).body).toMatchObject({ title: 'PizzaPi', url: '/', tag: 'test' });
    expect((await webhook.posts.nth(webhook.posts.all.length)).headers['click']).toBe(`${pageOf(s.url)}/`);

    expect((await ask(`${PATH}/subscriptions/${body.id}`, { method: 'DELETE', as: ada })).status).toBe(204);
    service.answers.push({ status: 410 });
    expect(await test(ada)).toMatchObject([{ label: 'Tablet', outcome: 'gone' }, { target: 'webhook' }]);
    expect((await read(ada)).devices).toEqual([]);
  });

  it('is its person’s: nobody else sees it or removes it', async () => {
    const [ada, bob] = [await s.person('Ada'), await s.person('Bob', { role: 'admin' })];
    const { id } = (await subscribe(ada, (await browser(ada)).subscription)).body;
    expect((await read(bob)).devices).toEqual([]);
    expect(await test(bob)).toEqual([]);
    const remove = await ask(`${PATH}/subscriptions/${id}`, { method: 'DELETE', as: bob });
    expect(remove).toMatchObject(failure(404, 'device_not_found'));
    const none = await ask(`${PATH}/subscriptions/${'0'.repeat(32)}`, { method: 'DELETE', as: bob });
    expect(JSON.stringify(none).replaceAll('0'.repeat(32), id)).toBe(JSON.stringify(remove));
    expect((await read(ada)).devices).toHaveLength(1);
  });

  it('tells who signed in there last', async () => {
    const [ada, bob] = [await s.person('Ada'), await s.person('Bob')];
    const shared = (await browser(ada)).subscription;
    await subscribe(ada, shared);
    await subscribe(bob, shared);
    expect([(await read(ada)).devices.length, (await read(bob)).devices.length]).toEqual([0, 1]);
  });

  it('is one of twenty at most', async () => {
    const ada = await s.person('Ada');
    for (let i = 0; i < MAX_DEVICES; i++)
      expect((await subscribe(ada, (await browser(ada)).subscription)).status).toBe(201);
    expect(await subscribe(ada, (await browser(ada)).subscription)).toMatchObject(failure(409, 'too_many_devices'));
  });

  it('leaves a row in the audit log, without its address', async () => {
    const ada = await s.person('Ada');
    const after = await streamHead(s.b, AUDIT_STREAM);
    const { subscription } = await browser(ada);
    const { id } = (await subscribe(ada, subscription)).body;
    await write(ada, { webhook: { url: `${webhook.url}?topic=secret`, token: 'tk_secret' } });
    await ask(`${PATH}/subscriptions/${id}`, { method: 'DELETE', as: ada });
    const rows = await auditRows(s, after);
    expect(rows).toMatchObject([
      { kind: 'notifications', userId: ada.userId, change: 'device_added', deviceId: id },
      { kind: 'notifications', change: 'webhook_set', host: new URL(webhook.url).host },
      { kind: 'notifications', change: 'device_removed', deviceId: id },
    ]);
    expect(JSON.stringify(rows)).not.toMatch(/secret|\/push\//);
    const stored = await bucket<PushSubscriptionRow>(s.b, 'notifications').get(`sub.${ada.userId}.${id}`);
    expect(stored).toBeUndefined();
  });
});

describe('a session', () => {
  it('is silenced by its owner, and by nobody else', async () => {
    const [ada, bob] = [await s.person('Ada'), await s.person('Bob')];
    const sid = 'mute-session-0000000';
    await (await s.writer(sid, ada)).append({ type: 'agent_start', at: 1 });
    const mute = (as: TestPerson, muted: boolean) =>
      ask(`/api/sessions/${sid}/mute`, { method: 'PUT', as, json: { muted } });
    expect((await mute(ada, true)).status).toBe(204);
    expect((await mute(ada, true)).status).toBe(204);
    expect((await read(ada)).prefs.muted).toEqual([sid]);
    expect(await mute(bob, true)).toMatchObject(failure(404, 'session_not_found'));
    const { token: guest } = await share(s, sid, 'collab', ada.token);
    expect((await mute({ userId: '', token: guest }, true)).status).toBe(403);
    expect((await ask(PATH, { as: { userId: '', token: guest } })).status).toBe(403);
    await mute(ada, false);
    expect((await read(ada)).prefs.muted).toEqual([]);
  });
});

describe('whether somebody looks at a session', () => {
  const sid = 'seen-session-0000000';
  const seen = async (userId: string = OWNER_ID, timeoutMs = 500) =>
    (await requestRpc(s.b, subjects.attention(sid), encode({ userId }), { timeoutMs })).kind;
  const settles = (kind: string) => vi.waitFor(async () => expect(await seen()).toBe(kind), PATIENT);
  beforeAll(async () => {
    await (await s.writer(sid)).append({ type: 'agent_start', at: 1 });
  });

  it('is what a tab says, for as long as it is there', async () => {
    const tab = await s.connect(sid);
    await tab.heard('hello');
    expect(await seen(OWNER_ID, 10_000)).toBe('no_responders');
    tab.send({ type: 'visible', visible: true });
    await settles('ok');
    expect(await seen('somebody-else')).toBe('timeout');
    tab.send({ type: 'visible', visible: false });
    await settles('no_responders');
    tab.send({ type: 'visible', visible: true });
    await settles('ok');
    tab.ws.terminate();
    await settles('no_responders');
  });

  it('is not what a connection said that gives no sign of life any more', async () => {
    const tab = await s.connect(sid);
    tab.send({ type: 'visible', visible: true });
    await settles('ok');
    tab.ws.pause();
    expect(await seen()).toBe('timeout');
    tab.ws.resume();
    await settles('ok');
    tab.ws.terminate();
    await settles('no_responders');
  });

  it('is nothing that a guest can say, nor is it refused to them', async () => {
    const tab = await s.connect(sid, { token: (await share(s, sid)).token });
    tab.send({ type: 'visible', visible: true });
    tab.send({ type: 'ping' });
    await tab.heard('pong');
    expect(tab.of('error')).toEqual([]);
    expect(await seen(OWNER_ID, 10_000)).toBe('no_responders');
  });
});
