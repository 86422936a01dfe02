import { createHmac } from 'node:crypto';
import { isSameSecret } from '@pizzapi/process';
import { decode, encode, isId } from '@pizzapi/protocol';

/** What a session was granted for: the password of its worker's connection says so, and nobody else can write one. */
export interface Grant {
  sid: string;
  rid: string;
  userId: string;
  epoch: number;
}

/** Makes and reads grants: `<msgpack, base64url>.<HMAC-SHA256, base64url>` with a key that is only for them. */
export class Grants {
  private readonly key: Buffer;

  /** Authenticators with the same issuer accept each other's. */
  constructor(issuerSeed: string) {
    this.key = createHmac('sha256', issuerSeed).update('pizzapi/grant').digest();
  }

  mint({ sid, rid, userId, epoch }: Grant): string {
    const text = Buffer.from(encode([sid, rid, userId, epoch])).toString('base64url');
    return `${text}.${this.sign(text).toString('base64url')}`;
  }

  /** Undefined for what was not minted here. Total over any text. */
  read(password: string): Grant | undefined {
    const [text, signature, ...rest] = password.split('.');
    if (text === undefined || signature === undefined || rest.length > 0) return undefined;
    const given = Buffer.from(signature, 'base64url');
    if (!isSameSecret(given, this.sign(text))) return undefined;
    const [sid, rid, userId, epoch] = decode(Buffer.from(text, 'base64url')) as unknown[];
    if (!isId(sid) || !isId(rid) || typeof userId !== 'string' || typeof epoch !== 'number') return undefined;
    return { sid, rid, userId, epoch };
  }

  private sign(text: string): Buffer {
    return createHmac('sha256', this.key).update(text).digest();
  }
}
