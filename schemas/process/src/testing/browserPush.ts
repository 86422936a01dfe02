import { createDecipheriv, createECDH, createHmac, createPublicKey, randomBytes, verify } from 'node:crypto';

/** The keys of a browser's subscription, and what it does with a push. */
export interface BrowserKeys {
  /** As `PushSubscription.toJSON()` has them. */
  keys: { p256dh: string; auth: string };
  /** The text of a push (RFC 8291, RFC 8188 with one record). Throws for what was not made for these keys. */
  decrypt: (body: Buffer) => string;
}

const hmac = (key: Uint8Array, ...data: (Uint8Array | string)[]): Buffer =>
  data.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest();

export function makeBrowserKeys(): BrowserKeys {
  const mine = createECDH('prime256v1');
  const publicKey = mine.generateKeys();
  const auth = randomBytes(16);
  return {
    keys: { p256dh: publicKey.toString('base64url'), auth: auth.toString('base64url') },
    decrypt: (body) => {
      const salt = body.subarray(0, 16);
      const theirs = body.subarray(21, 21 + body[20]!);
      const record = body.subarray(21 + body[20]!);
      const shared = hmac(auth, mine.computeSecret(theirs));
      const material = hmac(shared, 'WebPush: info\0', publicKey, theirs, '\x01');
      const secret = hmac(salt, material);
      const key = hmac(secret, 'Content-Encoding: aes128gcm\0\x01').subarray(0, 16);
      const nonce = hmac(secret, 'Content-Encoding: nonce\0\x01').subarray(0, 12);
      const decipher = createDecipheriv('aes-128-gcm', key, nonce).setAuthTag(record.subarray(-16));
      const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
      const end = padded.lastIndexOf(2);
      return padded.subarray(0, end).toString();
    },
  };
}

/** What a push service checks of who sends (RFC 8292): why it refuses them, or undefined. */
export function senderProblem(authorization: string | undefined, origin: string, allowed: string): string | undefined {
  const [, token = '', key = ''] = /^vapid t=([^,\s]+), ?k=([\w-]+)$/.exec(authorization ?? '') ?? [];
  const [head = '', claims = '', signature = ''] = token.split('.');
  if (key !== allowed) return 'another key than the one it was subscribed with';
  const point = Buffer.from(key, 'base64url');
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url'));
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x!, y: y! }, format: 'jwk' });
  const signed = Buffer.from(`${head}.${claims}`);
  const bytes = Buffer.from(signature, 'base64url');
  if (!verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, bytes)) return 'a wrong signature';
  const { aud, exp, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
  if (aud !== origin) return `an audience of ${String(aud)}`;
  const seconds = Number(exp) - Date.now() / 1_000;
  if (!(seconds > 0 && seconds <= 24 * 3_600)) return `an end in ${seconds} s`;
  return /^(https:|mailto:)/.test(String(sub)) ? undefined : `a contact of ${String(sub)}`;
}
