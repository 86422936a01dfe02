import { createHash } from 'node:crypto';
import type { PushPayload, PushSubscriptionRow, VapidRow } from '@pizzapi/protocol';
import webpush from 'web-push';
import { post, type Delivery, type Reach } from './post.js';

/** How long a push service keeps what it cannot deliver, in seconds. */
const TTL_S: Readonly<Record<PushPayload['kind'], number>> = { input: 86_400, error: 86_400, finished: 14_400 };
/** `high` wakes a phone that saves power (RFC 8030, 5.3). */
const URGENCY = { input: 'high', error: 'normal', finished: 'normal' } as const;

/** What a push can carry is bounded by the services at 4096 bytes, encrypted; this much of it is ours. */
const MAX_PAYLOAD_BYTES = 3_000;

/** New keys to sign pushes with (RFC 8292). `subject` is where a push service finds who sends: https: or mailto:. */
export function newVapid(subject: string): VapidRow {
  return { ...webpush.generateVAPIDKeys(), subject };
}

/** By what a device is known: the beginning of the SHA-256 of its endpoint, which is a secret of its browser. */
export const deviceId = (endpoint: string): string => createHash('sha256').update(endpoint).digest('hex').slice(0, 32);

/** Why nothing can be encrypted for these keys of a browser, or undefined. */
export function pushKeysProblem({ p256dh, auth }: PushSubscriptionRow['keys']): string | undefined {
  try {
    webpush.encrypt(p256dh, auth, 'test', 'aes128gcm');
    return undefined;
  } catch {
    return '`keys` are not those of a push subscription';
  }
}

/** Pushes to one browser, once. */
export async function sendPush(
  { endpoint, keys }: PushSubscriptionRow,
  payload: PushPayload,
  vapid: VapidRow,
  reach: Reach,
): Promise<Delivery> {
  const { kind, tag } = payload;
  const text = JSON.stringify(payload);
  if (Buffer.byteLength(text) > MAX_PAYLOAD_BYTES) return { kind: 'refused', message: 'The text is too long' };
  const topic = createHash('sha256').update(tag).digest('base64url').slice(0, 32);
  const { headers, body } = webpush.generateRequestDetails({ endpoint, keys }, text, {
    vapidDetails: vapid,
    contentEncoding: 'aes128gcm',
    TTL: TTL_S[kind],
    urgency: URGENCY[kind],
    topic,
  });
  return post(new URL(endpoint), { headers: headers, body: body }, reach);
}
