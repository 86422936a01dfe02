import { bucket, serveRpc } from '@pizzapi/backbone';
import { deviceId, newVapid, type Webhook } from '@pizzapi/process/notify';
import {
  startPushService,
  startWebhook,
  type PushService,
  type WebhookReceiver as Receiver,
} from '@pizzapi/process/testing';
import {
  decode,
  defaultNotificationPrefs,
  encode,
  OWNER_ID,
  subjects,
  type AccountRow,
  NO_EXPIRY,
  type NotificationPrefsRow,
  type PushPayload,
  type SessionEvent,
  type ShareRow,
} from '@pizzapi/protocol';
import type { Metrics } from '@pizzapi/process';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Projector } from '../app.js';
import { started } from '../testing/events.js';
import { ProjectorHarness } from '../testing/projectorHarness.js';

const vapid = newVapid('mailto:me@example.com');
const PUBLIC_URL = 'https://pizza.example';
let harness: ProjectorHarness;
let service: PushService;
let webhook: Receiver;
let projector: Projector;
let metrics: Metrics;
let count = 0;

const project = (b = harness.backbone, onReading: () => void = () => undefined) =>
  harness.project({
    backbone: b,
    notifier: {
      reach: { allowPrivate: true, ca: service.ca },
      ...{ publicUrl: PUBLIC_URL, settleMs: 0, retryMs: [0, 0], onReading },
    },
  });

beforeAll(async () => {
  [harness, service, webhook] = await Promise.all([ProjectorHarness.open(), startPushService(), startWebhook()]);
  await rows().put('vapid', vapid);
  // The consumer is made by the first to be active: what happened before is nobody's news.
  await new Promise<void>((reading) => ({ projector, metrics } = project(harness.backbone, reading)));
});
afterAll(async () => {
  await harness.close();
  await Promise.all([service.stop(), webhook.stop()]);
});
beforeEach(async () => {
  for (const key of await rows().keys()) if (key !== 'vapid') await rows().delete(key);
});

const rows = () => bucket<object>(harness.backbone, 'notifications');

/** What a counter of the notifier says. */
async function value(name: string): Promise<number> {
  const line = (await metrics.render()).split('\n').find((text) => text.startsWith(`pizzapi_notifications_${name}`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** Resolves once so many more events were passed over for a reason than when it was called. */
async function silently(reason: string, doing: () => Promise<unknown>): Promise<void> {
  const name = `silent_total{reason="${reason}"}`;
  const before = await value(name);
  await doing();
  await vi.waitFor(async () => expect(await value(name)).toBe(before + 1), 10_000);
}

async function wants(prefs: Partial<NotificationPrefsRow>, userId = OWNER_ID): Promise<void> {
  await rows().put(`user.${userId}`, { ...defaultNotificationPrefs(), ...prefs });
}

/** A browser of somebody's. */
async function browser(userId = OWNER_ID) {
  const { subscription, pushes } = service.subscribe<PushPayload>(vapid.publicKey);
  const key = `sub.${userId}.${deviceId(subscription.endpoint)}`;
  await rows().put(key, { ...subscription, label: 'Phone', createdAt: 1 });
  return { key, pushes };
}

async function session(name = 'Pizza') {
  const sid = `session-${++count}`;
  const writer = await harness.host(sid);
  const happens = async (...events: SessionEvent[]) => {
    for (const event of events) await writer.append(event);
  };
  await happens(started(name));
  await harness.rowWhere(sid, (row) => row.count >= 1);
  return { sid, happens };
}
const asks = (toolCallId: string, question = 'Which oven?'): SessionEvent => ({
  ...{ type: 'question_pending', at: 1 },
  question: { toolCallId, questions: [{ question, options: [] }] },
});
const ends: SessionEvent = { type: 'agent_end', at: 1 };

describe('a person is told', () => {
  it('what a session asks that another account shares with them, if they can answer and want it, until it is withdrawn', async () => {
    const { sid, happens } = await session();
    const [eve, kim, bob] = [await browser('u_eve'), await browser('u_kim'), await browser('u_bob')];
    const shared = async (grantee: string, mode: ShareRow['mode'], more: Partial<ShareRow> = {}) => {
      const ids = { shareId: `sh_${grantee}`, sessionId: sid, userId: OWNER_ID, grantee };
      const row = { ...ids, mode, createdAt: 1, expiresAt: NO_EXPIRY, ...more };
      await bucket<ShareRow>(harness.backbone, 'shares').put(`${sid}.${ids.shareId}`, row);
    };
    await shared('u_eve', 'collab');
    await shared('u_kim', 'read');
    await shared('u_bob', 'approve');
    await wants({ needsInput: false }, 'u_bob');
    await happens(asks('q1'));
    expect((await eve.pushes.nth()).body).toMatchObject({ kind: 'input', sessionId: sid });
    await shared('u_eve', 'collab', { revokedAt: 1 });
    await happens({ type: 'question_cleared', at: 1, toolCallId: 'q1' }, { type: 'agent_start', at: 1 }, ends);
    // A later notice is the mark after which nothing of the earlier ones comes any more.
    expect((await kim.pushes.nth()).body).toMatchObject({ kind: 'finished' });
    expect((await bob.pushes.nth()).body).toMatchObject({ kind: 'finished' });
    expect([eve, kim, bob].map(({ pushes }) => pushes.all.length)).toEqual([1, 1, 1]);
  });

  it('through every device and the webhook what a session asks, with a link to it', async () => {
    await wants({ webhook: { url: webhook.url, token: 'tk_1' } });
    const [phone, tablet] = [await browser(), await browser()];
    const { sid, happens } = await session('Pizza für alle');
    const posted = webhook.posts.all.length;
    await happens(asks('q1'));
    const { headers, body } = await phone.pushes.nth();
    expect(body).toMatchObject({
      ...{ kind: 'input', sessionId: sid, title: 'Pizza für alle', body: 'Which oven?' },
      ...{ url: `/s/${sid}`, tag: sid },
    });
    expect(headers['urgency']).toBe('high');
    expect((await tablet.pushes.nth()).body).toEqual(body);
    const post = await webhook.posts.nth(posted + 1);
    expect(post).toMatchObject({
      body: 'Which oven?',
      headers: { click: `${PUBLIC_URL}/s/${sid}`, authorization: 'Bearer tk_1', priority: '4' },
    });
  });

  it('what the agent said at the end of its run, under the first prompt of a session without a name', async () => {
    const phone = await browser();
    const { happens, sid } = await session('');
    const message = (role: string, text: string): SessionEvent => ({
      ...{ type: 'message_end', at: 1, messageId: role },
      message: { role, content: [{ type: 'text', text }] },
    });
    await happens(message('user', 'Bake a pizza'));
    await harness.rowWhere(sid, (row) => row.info.firstPrompt !== undefined);
    await happens({ type: 'agent_start', at: 1 }, message('assistant', 'It is in the oven.'), ends);
    expect((await phone.pushes.nth()).body).toMatchObject({
      ...{ kind: 'finished', title: 'Bake a pizza', body: 'It is in the oven.' },
    });
  });

  it('of their own sessions only', async () => {
    const [mine, theirs] = [await browser(), await browser('somebody-else')];
    const { happens } = await session();
    await happens(asks('q1'));
    await mine.pushes.nth();
    expect(theirs.pushes.all).toEqual([]);
  });
});

describe('nobody is told', () => {
  it('what they do not want to know', async () => {
    const phone = await browser();
    const { sid, happens } = await session();
    await wants({ needsInput: false });
    await silently('off', () => happens(asks('q1')));
    await wants({ muted: [sid] });
    await silently('muted', () => happens(asks('q2')));
    await wants({ muted: ['another'] });
    await happens(asks('q3', 'And now?'));
    expect((await phone.pushes.nth()).body.body).toBe('And now?');
  });

  it('what they see: where a gateway says that they look', async () => {
    const phone = await browser();
    const { sid, happens } = await session();
    const asked: unknown[] = [];
    const stop = serveRpc(harness.backbone, subjects.attention(sid), (body) => {
      asked.push(decode(body));
      return encode({ seen: true });
    });
    // While the clock stands still, no answer comes too late.
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now());
    await silently('seen', () => happens(asks('q1'))).finally(() => clock.mockRestore());
    expect(asked).toEqual([{ userId: OWNER_ID }]);
    stop();
    await happens(asks('q2', 'Still there?'));
    expect((await phone.pushes.nth()).body.body).toBe('Still there?');
  });

  it('nowhere, nor once their account is disabled', async () => {
    const { happens } = await session();
    await silently('nowhere', () => happens(asks('q1')));
    const accounts = bucket<AccountRow>(harness.backbone, 'accounts');
    const account: AccountRow = { userId: OWNER_ID, name: 'Owner', role: 'admin', createdAt: 1 };
    await browser();
    await accounts.put(`user.${OWNER_ID}`, { ...account, disabledAt: 1 });
    await silently('disabled', () => happens(asks('q2')));
    await accounts.delete(`user.${OWNER_ID}`);
  });
});

describe('what cannot be delivered', () => {
  it('is tried again while its service is busy, and then given up', async () => {
    const phone = await browser();
    const { happens } = await session();
    const [before, gaveUp] = [service.requests(), await value('sent_total{channel="push",outcome="failed"}')];
    service.answers.push({ status: 503 }, { status: 429 });
    await happens(asks('q1'));
    await phone.pushes.nth();
    expect(service.requests() - before).toBe(3);
    service.answers.push({ status: 500 }, { status: 500 }, { status: 500 });
    await happens(asks('q2'));
    await vi.waitFor(
      async () => expect(await value('sent_total{channel="push",outcome="failed"}')).toBe(gaveUp + 1),
      10_000,
    );
    expect(service.requests() - before).toBe(6);
  });

  it('to a browser that has withdrawn has the device forgotten', async () => {
    const { key } = await browser();
    const { happens } = await session();
    service.answers.push({ status: 410 });
    await happens(asks('q1'));
    await vi.waitFor(async () => expect(await rows().get(key)).toBeUndefined(), 10_000);
  });

  it('holds nobody else up, and makes room for what is newer', async () => {
    const open: (() => void)[] = [];
    const hook: Webhook = { url: webhook.url };
    await wants({ webhook: hook });
    const phone = await browser();
    const { happens } = await session();
    webhook.hold = new Promise((resolve) => open.push(resolve));
    const before = webhook.posts.all.length;
    await happens(asks('q1', 'One?'));
    await phone.pushes.nth();
    await happens(asks('q2', 'Two?'));
    await phone.pushes.nth(2);
    await happens(asks('q3', 'Three?'));
    await phone.pushes.nth(3);
    for (const release of open) release();
    await webhook.posts.nth(before + 2);
    expect(webhook.posts.all.slice(before).map(({ body }) => body)).toEqual(['One?', 'Three?']);
  });
});

describe('the next active process', () => {
  it('goes on where the one before it ended, and tells nothing twice', async () => {
    const phone = await browser();
    const { happens } = await session();
    await happens(asks('q1', 'One?'));
    await phone.pushes.nth();
    await projector.stop();
    await happens(asks('q2', 'Two?'));
    ({ projector, metrics } = project(await harness.connect()));
    await phone.pushes.nth(2);
    await happens(asks('q3', 'Three?'));
    await phone.pushes.nth(3);
    expect(phone.pushes.all.map(({ body }) => body.body)).toEqual(['One?', 'Two?', 'Three?']);
  });

  it('is told what waited to settle when it ends in an orderly way', async () => {
    await projector.stop();
    ({ projector, metrics } = harness.project({
      notifier: { reach: { allowPrivate: true, ca: service.ca }, settleMs: 3_600_000 },
    }));
    const phone = await browser();
    const { happens } = await session();
    await happens(asks('q1'));
    await vi.waitFor(async () => expect(await value('waiting{stage="settling"}')).toBe(1), 10_000);
    expect(phone.pushes.all).toEqual([]);
    // The time that an end is given does not pass, however long this machine takes.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldClearNativeTimers: true });
    await projector.stop().finally(() => vi.useRealTimers());
    expect(phone.pushes.all).toHaveLength(1);
  });
});
