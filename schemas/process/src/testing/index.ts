/** Whom notifications reach, for tests: a push service with its browsers, and a webhook. */
export { startPushService, startWebhook } from './receivers.js';
export type { PushService, Received, Subscriber, Webhook } from './receivers.js';
