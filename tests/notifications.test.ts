import {
  startPushService,
  startWebhook,
  type PushService,
  type Subscriber,
  type WebhookReceiver,
} from '@pizzapi/process/testing';
import type { NotificationsReply, PushPayload } from '@pizzapi/protocol';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { readLog } from './support/log.js';
import { until } from './support/until.js';
import { newSession, watch } from './support/viewer.js';

/** The product as a person uses it, a push service with the person's phone, and the person's ntfy webhook. */
let stage: LocalStack;
let service: PushService;
let webhook: WebhookReceiver;
let phone: Subscriber<PushPayload>;
let folder: string;

beforeAll(async () => {
  [service, webhook] = await Promise.all([startPushService(), startWebhook()]);
  folder = mkdtempSync(join(tmpdir(), 'pizzapi-ca-'));
  writeFileSync(join(folder, 'ca.pem'), service.ca);
  stage = await startLocalStack({ NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'), PIZZAPI_HEALTH_PORT: '0' });
  const { publicKey } = await ask<NotificationsReply>('GET', '/api/notifications');
  phone = service.subscribe(publicKey);
  await ask('POST', '/api/notifications/subscriptions', { ...phone.subscription, label: 'Phone' });
  const prefs = { agentFinished: true, needsInput: true, error: true };
  await ask('PUT', '/api/notifications', { ...prefs, webhook: { url: webhook.url } });
}, 120_000);
afterAll(async () => {
  await stage.clear();
  await Promise.all([service.stop(), webhook.stop()]);
  rmSync(folder, { recursive: true });
});

async function ask<T>(method: string, path: string, json?: object): Promise<T> {
  const answer = await fetch(stage.url + path, {
    method,
    headers: {
      authorization: `Bearer ${stage.token}`,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  const text = await answer.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** Waits until a number of pushes about a session have arrived, and returns them. */
async function pushesOf(sid: string, count: number): Promise<PushPayload[]> {
  const all = () => phone.pushes.all.map(({ body }) => body).filter(({ sessionId }) => sessionId === sid);
  return until(`push ${count} about ${sid}`, () => all().length >= count && all());
}

/** Returns for how many events no notification was sent, for a reason, from the projector's metrics. */
async function suppressed(reason: string): Promise<number> {
  const log = readFileSync(join(stage.home, 'logs', 'projector.log'), 'utf8');
  const port = /"port":(\d+)/.exec(log)?.[1];
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`pizzapi_notifications_silent_total{reason="${reason}"}`));
  return Number(line?.split(' ')[1] ?? 0);
}

describe('a person who is away', () => {
  it('a person who is away gets a notification of a question, answers it on a new page, and the agent continues', async () => {
    const questions = [{ question: 'Which oven?', options: ['Wood', 'Gas'] }];
    const sid = await newSession(stage, `/demo call ask_user_question ${JSON.stringify({ questions })}`);
    const [push] = await pushesOf(sid, 1);
    expect(push).toMatchObject({ kind: 'input', body: 'Which oven? Wood · Gas', url: `/s/${sid}`, tag: sid });
    const post = await webhook.posts.nth();
    expect(post).toMatchObject({ body: push!.body, headers: { click: `${stage.pageUrl}/s/${sid}`, priority: '4' } });

    const viewer = watch(stage, sid);
    const { event } = await viewer.next('question_pending');
    const { toolCallId } = event['question'] as { toolCallId: string };
    await viewer.session.command('dialog_response', { dialogId: toolCallId, value: 'Gas' });
    await viewer.next('question_cleared');
    await viewer.next('agent_end');
    const [, finished] = await pushesOf(sid, 2);
    expect(finished).toMatchObject({ kind: 'finished', tag: sid });
    expect(finished!.body).toContain('Gas');
    viewer.close();
    const types = (await readLog(stage, sid)).map(({ event: { type } }) => type);
    expect(types.filter((type) => /^question_/.test(type))).toEqual(['question_pending', 'question_cleared']);
  });

  it('a person is notified of every session except the visible one, and of that one after leaving it', async () => {
    const sid = await newSession(stage, 'Hello');
    await pushesOf(sid, 1);
    const viewer = watch(stage, sid);
    await viewer.next('agent_end');
    viewer.session.setVisible(true);
    const before = await suppressed('seen');
    // On the same connection, because the gateway reads its frames in order.
    await viewer.session.sendInput('Hello again');
    await until('the end of the run is suppressed', async () => (await suppressed('seen')) > before);
    viewer.session.setVisible(false);
    await viewer.session.sendInput('And once more');
    expect(await pushesOf(sid, 2)).toHaveLength(2);
    viewer.close();
  });

  it('a person is not notified of a muted session', async () => {
    const sid = await newSession(stage);
    await ask('PUT', `/api/sessions/${sid}/mute`, { muted: true });
    const before = await suppressed('muted');
    await ask('POST', `/api/sessions/${sid}/input`, { text: 'Hello' });
    await until('the end of the run is suppressed', async () => (await suppressed('muted')) > before);
    await ask('PUT', `/api/sessions/${sid}/mute`, { muted: false });
    await ask('POST', `/api/sessions/${sid}/input`, { text: 'Hello' });
    expect(await pushesOf(sid, 1)).toHaveLength(1);
  });
});
