/** Whom notifications reach, for tests: a push service with its browsers, and a webhook. */
export { startPushService, startWebhook } from './receivers.js';
export type { PushService, ReceivedRequest, Subscriber, WebhookReceiver } from './receivers.js';
export { makeAuthority, makeCertificate } from './certificate.js';
export type { Authority, Certificate } from './certificate.js';
export { startIdentityProvider } from './identityProvider.js';
export type { IdentityProvider, ProviderClient, ProviderPerson } from './identityProvider.js';
