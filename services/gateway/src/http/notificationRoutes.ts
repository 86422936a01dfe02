import type { AuditWriter } from '@pizzapi/backbone';
import type { Reach } from '@pizzapi/process/notify';
import {
  DeviceParams,
  errorInfo,
  MAX_DEVICES,
  MuteBody,
  NotificationPrefs,
  NotificationPrefsBody,
  NotificationsReply,
  NotificationTestReply,
  PushSubscriptionBody,
  PushSubscriptionReply,
  type NotificationPrefsRow,
} from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { AttemptRateLimiter } from '../accounts/rateLimits.js';
import { retryAfterText } from '../accounts/outcome.js';
import type { GatewayMetrics } from '../metrics.js';
import { subscriptionProblem, webhookProblem } from '../notifications/addresses.js';
import type { RegisteredDevice, NotificationStore } from '../notifications/store.js';
import { sendTestNotification } from '../notifications/testNotification.js';
import { accountIdOf } from '../auth/principal.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route, SessionParams } from './schemas.js';

export interface NotificationDeps {
  store: NotificationStore;
  /** Where notifications may be sent. */
  reach: Reach;
  limits: AttemptRateLimiter;
  audit: AuditWriter;
  metrics: GatewayMetrics;
  publicUrl: () => string;
}

const tag = 'notifications';

/** The notification settings of the signed-in account. */
export function notificationRoutes(app: FastifyInstance, deps: NotificationDeps): void {
  const { store, reach, limits, audit, publicUrl } = deps;
  const refuse = refuser(deps.metrics);

  app.get(
    '/api/notifications',
    { schema: route({ summary: 'Your notification settings', tag, answers: { 200: NotificationsReply } }) },
    async (request) => {
      const { userId } = principalOf(request);
      const [vapid, prefs, devices] = await Promise.all([store.vapid(), store.prefs(userId), store.devices(userId)]);
      return { publicKey: vapid.publicKey, prefs: shown(prefs), devices: devices.map(deviceOf) };
    },
  );

  app.put<{ Body: NotificationPrefsBody }>(
    '/api/notifications',
    {
      schema: route({
        summary: 'Change your notification settings and your webhook',
        tag,
        body: NotificationPrefsBody,
        answers: { 200: NotificationPrefs },
      }),
    },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const { agentFinished, needsInput, error, webhook } = request.body;
      const problem = webhook == null ? undefined : await webhookProblem(webhook.url, reach);
      if (problem !== undefined) return refuse(reply, { error: problem });
      const prefs = await store.change(userId, (before) => ({
        ...{ agentFinished, needsInput, error, muted: before.muted },
        webhook: webhookAfter(webhook, before.webhook),
      }));
      if (webhook === null) audit('notifications', { userId, ip: request.ip, change: 'webhook_removed' });
      if (webhook != null)
        audit('notifications', { userId, ip: request.ip, change: 'webhook_set', host: new URL(webhook.url).host });
      return shown(prefs);
    },
  );

  app.post<{ Body: PushSubscriptionBody }>(
    '/api/notifications/subscriptions',
    {
      schema: route({
        summary: 'Register this browser for Web Push',
        tag,
        body: PushSubscriptionBody,
        answers: { 201: PushSubscriptionReply },
      }),
    },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const { endpoint, keys, label = 'Browser' } = request.body;
      const problem = await subscriptionProblem({ endpoint, keys }, reach);
      if (problem !== undefined) return refuse(reply, { error: problem });
      const outcome = await store.addDevice(userId, { endpoint, keys, label });
      if (outcome.kind === 'too_many')
        return refuse(reply, {
          error: errorInfo('too_many_devices', `An account can have at most ${MAX_DEVICES} devices`),
        });
      const { id } = outcome;
      audit('notifications', { userId, ip: request.ip, change: 'device_added', deviceId: id, label });
      return reply.code(201).send({ id });
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/api/notifications/subscriptions/:id',
    { schema: route({ summary: 'Remove a browser from Web Push', tag, params: DeviceParams }) },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const { id } = request.params;
      const device = await store.removeDevice(userId, id);
      if (device === undefined)
        return refuse(reply, { error: errorInfo('device_not_found', `You have no device "${id}"`) });
      audit('notifications', { userId, ip: request.ip, change: 'device_removed', deviceId: id, label: device.label });
      return reply.code(204).send();
    },
  );

  app.post(
    '/api/notifications/test',
    {
      schema: route({
        summary: 'Send a test notification to all your devices and your webhook, and return the outcomes',
        tag,
        answers: { 200: NotificationTestReply },
      }),
    },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const wait = await limits.consume('notification_test', { ip: request.ip, account: userId, signedIn: true });
      if (wait !== undefined) return refuse(reply, retryAfterText(wait));
      return { results: await sendTestNotification(store, userId, publicUrl(), reach) };
    },
  );

  app.put<{ Params: { sid: string }; Body: MuteBody }>(
    '/api/sessions/:sid/mute',
    {
      config: { signedInGuests: true },
      schema: route({ summary: 'Mute or unmute this session', tag, params: SessionParams, body: MuteBody }),
    },
    async (request, reply) => {
      const principal = principalOf(request);
      await store.mute(accountIdOf(principal) ?? principal.userId, request.params.sid, request.body.muted);
      return reply.code(204).send();
    },
  );
}

/** A token goes to the origin it was given for, and to no other. */
function webhookAfter(
  wanted: NotificationPrefsBody['webhook'],
  before: NotificationPrefsRow['webhook'],
): NotificationPrefsRow['webhook'] {
  if (wanted === undefined) return before;
  if (wanted === null) return null;
  const { url, token } = wanted;
  const same = before !== null && new URL(before.url).origin === new URL(url).origin;
  const kept = token === undefined && same ? before.token : (token ?? undefined);
  return { url, ...(kept === undefined ? {} : { token: kept }) };
}

const shown = ({ webhook, ...prefs }: NotificationPrefsRow): NotificationPrefs => ({
  ...prefs,
  webhook: webhook === null ? null : { url: webhook.url, hasToken: webhook.token !== undefined },
});

const deviceOf = ({ id, label, endpoint, createdAt }: RegisteredDevice) => ({
  ...{ id, label, createdAt },
  service: new URL(endpoint).host,
});
