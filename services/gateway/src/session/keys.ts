import { createHash } from 'node:crypto';
import { errorInfo, isId, newId, type ErrorInfo } from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';

/** What is wrong with an `Idempotency-Key`, if anything. */
export function keyProblem(key: string | undefined): ErrorInfo | undefined {
  return key === undefined || isId(key) ? undefined : errorInfo('invalid_id', 'The Idempotency-Key is not an id');
}

/**
 * The id that a request with this key makes, however often it is sent; a new one without a key. The same key of another
 * person is another id: nobody can take one that somebody else is about to use.
 */
export function scopedKey(prefix: string, { userId }: Principal, key: string | undefined): string {
  if (key === undefined) return newId(prefix);
  const hash = createHash('sha256').update(`${prefix} ${userId} ${key}`).digest('hex');
  return `${prefix}_${hash.slice(0, 24)}`;
}
