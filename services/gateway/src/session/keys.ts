import { createHmac } from 'node:crypto';
import { deriveKey } from '@pizzapi/process';
import { errorInfo, isId, newId, type ErrorInfo } from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';

/** What is wrong with an `Idempotency-Key`, if anything. */
export function keyProblem(key: string | undefined): ErrorInfo | undefined {
  return key === undefined || isId(key) ? undefined : errorInfo('invalid_id', 'The Idempotency-Key is not a valid id');
}

/**
 * The ids that requests with an `Idempotency-Key` make. They are made with the gateway's secret, which all gateways of an
 * installation share: a host, which sees ids and user ids, cannot work out the id of a request that is still to come and
 * take it for itself.
 */
export class IdempotentIds {
  private readonly key: Buffer;

  constructor(secret: Uint8Array) {
    this.key = deriveKey(secret, 'command');
  }

  /**
   * The id of a request, the same however often it is sent; a new one without a key. The same key of another person, or
   * for another session, is another id.
   */
  idFor(prefix: 'c' | 's', { userId }: Principal, key: string | undefined, sid = ''): string {
    if (key === undefined) return newId(prefix);
    const text = [prefix, userId, sid, key].join(' ');
    return `${prefix}_${createHmac('sha256', this.key).update(text).digest('hex').slice(0, 32)}`;
  }
}
