import type { PushPayload } from '@pizzapi/protocol';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startPushService, startWebhook, type PushService, type WebhookReceiver } from '../testing/index.js';
import { isPublicAddress, leadsToPrivate, publicLookup } from './addresses.js';
import { newVapid, pushKeysProblem, sendPush } from './push.js';
import { headerText, sendWebhook } from './webhook.js';

let service: PushService;
let webhook: WebhookReceiver;
beforeAll(async () => {
  service = await startPushService();
  webhook = await startWebhook();
});
afterAll(() => Promise.all([service.stop(), webhook.stop()]));
afterEach(() => {
  service.answers.length = webhook.answers.length = 0;
});

const vapid = newVapid('mailto:me@example.com');
const payload: PushPayload = {
  ...{ kind: 'input', sessionId: 's1', title: 'Crème brûlée 🍮', body: 'Which oven?\nWood · Gas' },
  ...{ url: '/s/s1', tag: 's1', at: 1 },
};
const row = (subscription: { endpoint: string; keys: { p256dh: string; auth: string } }) => ({
  ...subscription,
  ...{ label: 'Phone', createdAt: 1 },
});
const here = () => ({ allowPrivate: true, ca: service.ca });

describe('a push', () => {
  it('is encrypted for its browser and signed for its service, and says how urgent it is', async () => {
    const { subscription, pushes } = service.subscribe<PushPayload>(vapid.publicKey);
    expect(await sendPush(row(subscription), payload, vapid, here())).toEqual({ kind: 'delivered' });
    const { headers, body } = await pushes.nth();
    expect(body).toEqual(payload);
    expect(headers).toMatchObject({ urgency: 'high', ttl: '86400' });
    expect(headers['topic']).toMatch(/^[\w-]{32}$/);
    await sendPush(row(subscription), { ...payload, kind: 'finished' }, vapid, here());
    expect((await pushes.nth(2)).headers).toMatchObject({ urgency: 'normal', topic: headers['topic'] });
  });

  it('signed by somebody else is refused', async () => {
    const { subscription, pushes } = service.subscribe(vapid.publicKey);
    const other = newVapid('mailto:me@example.com');
    expect(await sendPush(row(subscription), payload, other, here())).toMatchObject({ kind: 'refused' });
    expect(pushes.all).toEqual([]);
  });

  it('finds nobody where a browser has withdrawn, and may come later where a service is busy', async () => {
    const { subscription } = service.subscribe(vapid.publicKey);
    const send = () => sendPush(row(subscription), payload, vapid, here());
    service.answers.push(
      { status: 410 },
      { status: 404 },
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 503 },
    );
    expect((await send()).kind).toBe('gone');
    expect((await send()).kind).toBe('gone');
    expect(await send()).toMatchObject({ kind: 'failed', retryAfterMs: 7_000 });
    expect(await send()).toEqual({ kind: 'failed', message: 'The server answered 503' });
  });

  it('goes to nobody whose certificate is not to be trusted', async () => {
    const { subscription } = service.subscribe(vapid.publicKey);
    const delivery = await sendPush(row(subscription), payload, vapid, { allowPrivate: true });
    expect(delivery).toMatchObject({ kind: 'failed', message: expect.stringContaining('CERT') as string });
  });

  it('cannot be made for keys that are no keys', () => {
    const { keys } = service.subscribe(vapid.publicKey).subscription;
    expect(pushKeysProblem(keys)).toBeUndefined();
    expect(pushKeysProblem({ ...keys, p256dh: Buffer.alloc(65, 4).toString('base64url') })).toBeDefined();
    expect(pushKeysProblem({ ...keys, auth: 'AAAA' })).toBeDefined();
  });
});

describe('a webhook', () => {
  it('is posted to as ntfy takes it', async () => {
    const sent = await sendWebhook({ url: webhook.url, token: 'tk_1' }, payload, 'https://pizza.example', here());
    expect(sent).toEqual({ kind: 'delivered' });
    const { headers, body } = await webhook.posts.nth(webhook.posts.all.length);
    expect(body).toBe('Which oven?\nWood · Gas');
    expect(headers).toMatchObject({
      ...{ title: '=?UTF-8?B?Q3LDqG1lIGJyw7tsw6llIPCfja4=?=', priority: '4', tags: 'raising_hand' },
      ...{ click: 'https://pizza.example/s/s1', authorization: 'Bearer tk_1' },
    });
  });

  it('has no link and no credentials where there are none', async () => {
    await sendWebhook({ url: webhook.url }, payload, undefined, here());
    const { headers } = webhook.posts.all.at(-1)!;
    expect([headers['click'], headers.authorization]).toEqual([undefined, undefined]);
  });

  it('stays when it is not there today, and is not followed elsewhere', async () => {
    const send = () => sendWebhook({ url: webhook.url }, payload, undefined, here());
    const before = webhook.requests();
    webhook.answers.push({ status: 404 }, { status: 302, headers: { location: webhook.url } });
    expect((await send()).kind).toBe('refused');
    expect(await send()).toMatchObject({
      kind: 'refused',
      message: 'The server answered 302: redirects are not followed',
    });
    expect(webhook.requests() - before).toBe(2);
  });

  it('that nobody serves fails, with a word on why', async () => {
    const unused: Server = createServer();
    await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve));
    const { port } = unused.address() as AddressInfo;
    await new Promise((resolve) => unused.close(resolve));
    const sent = await sendWebhook({ url: `http://127.0.0.1:${port}/` }, payload, undefined, here());
    expect(sent).toEqual({ kind: 'failed', message: 'No connection (ECONNREFUSED)' });
  });
});

describe('a title', () => {
  it('of plain letters stays as it is, any other is written as ntfy reads it', () => {
    const decoded = (text: string) =>
      text.replace(/=\?UTF-8\?B\?([^?]*)\?=( (?==\?))?/g, (_, word: string) => Buffer.from(word, 'base64').toString());
    expect(headerText('Fix the tests')).toBe('Fix the tests');
    const long = 'Überraschung 🎉 '.repeat(20).trim();
    expect(headerText(long)).toMatch(/^[\x20-\x7e]+$/);
    expect(
      Math.max(
        ...headerText(long)
          .split(' ')
          .map(({ length }) => length),
      ),
    ).toBeLessThanOrEqual(75);
    expect(decoded(headerText(long))).toBe(long);
    expect(headerText('a\r\nPriority: 5\0b')).toBe('a Priority: 5b');
    expect(decoded(headerText('=?UTF-8?B?eA==?='))).toBe('=?UTF-8?B?eA==?=');
  });
});

const PRIVATE = [
  ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '0.0.0.0'],
  ...['100.64.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '192.0.0.8', '203.0.113.9'],
  ...['::', '::1', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1', '2001:db8::1', '2002:7f00:1::', '2001::1'],
  ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:a00:1', '64:ff9b::a00:1', '64:ff9b:1::1', 'nonsense', ''],
];
const PUBLIC = [
  ...['1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '192.167.1.1', '9.9.9.9'],
  ...['2606:4700::1111', '2a00:1450:4001::1', '::ffff:1.1.1.1', '::ffff:101:101', '64:ff9b::101:101'],
];

describe('addresses that belong to somebody’s own network', () => {
  it('are told from public ones', () => {
    expect(PRIVATE.filter(isPublicAddress)).toEqual([]);
    expect(PUBLIC.filter((address) => !isPublicAddress(address))).toEqual([]);
  });

  it('are refused however they are written, before anything is sent', async () => {
    const { port } = new URL(webhook.url);
    const before = webhook.requests();
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '0177.0.0.1', '[::1]', '[::ffff:7f00:1]', 'localhost']) {
      const url = `http://${host}:${port}/`;
      expect(await leadsToPrivate(new URL(url)), url).toBe(true);
      const sent = await sendWebhook({ url }, payload, undefined, { allowPrivate: false });
      expect(sent, url).toMatchObject({ kind: 'refused', message: expect.stringContaining('private') as string });
    }
    expect(webhook.requests()).toBe(before);
  });

  it('are refused behind a name at the moment of the connection, in both ways to ask', async () => {
    for (const all of [true, false])
      await expect(
        new Promise((resolve, reject) =>
          publicLookup('localhost', { all }, (error, address) => (error === null ? resolve(address) : reject(error))),
        ),
      ).rejects.toThrow('private');
  });
});
