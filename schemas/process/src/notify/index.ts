/**
 * How a notification gets out: Web Push and webhooks. Apart from the rest of this package, so that only those load it
 * who send: the gateway a test, the notifier everything else.
 */
export { isPublicAddress, leadsToPrivate } from './addresses.js';
export { POST_TIMEOUT_MS } from './post.js';
export type { Delivery, Reach } from './post.js';
export { deviceId, newVapid, pushKeysProblem, sendPush } from './push.js';
export { sendWebhook } from './webhook.js';
export type { Webhook } from './webhook.js';
