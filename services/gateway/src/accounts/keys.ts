import { keyRows, type Backbone } from '@pizzapi/backbone';
import { mintToken, secretHash, tokenHint } from '@pizzapi/process';
import {
  errorInfo,
  newId,
  OWNER_ID,
  parseDuration,
  type KeyInfo,
  type KeyRow,
  type NewKeyBody,
  type NewKeyReply,
} from '@pizzapi/protocol';
import type { CredentialCache } from '../auth/credentialCache.js';
import { refused, type Refused } from './outcome.js';
import { MARKER_MS, type AccountStore } from './store.js';

/** Keys that one account may have. */
const MAX_KEYS = 100;
/** The shortest life of a key, in ms. */
const MIN_LIFE_MS = 60_000;

const infoOf = ({ userId: _, ...key }: KeyRow): KeyInfo => key;

/** API keys and runner tokens: rows of the bucket `api-keys`, found by the SHA-256 of the token. */
export class ApiKeys {
  private readonly rows;

  constructor(
    b: Backbone,
    private readonly credentialCache: CredentialCache,
    private readonly accounts: AccountStore,
    private readonly now: () => number = Date.now,
  ) {
    this.rows = keyRows(b);
  }

  /** The keys of an account, the newest first. */
  listOf(userId: string): KeyInfo[] {
    return this.of(userId).map(([, key]) => infoOf(key));
  }

  /** Creates a key. Only this result contains its token. */
  async create(
    userId: string,
    { name, kind = 'user', allow, expiresIn }: NewKeyBody,
  ): Promise<({ kind: 'created' } & NewKeyReply) | Refused> {
    const lifeMs = expiresIn === undefined ? undefined : parseDuration(expiresIn);
    if (expiresIn !== undefined && (lifeMs === undefined || lifeMs < MIN_LIFE_MS))
      return refused(errorInfo('bad_request', '`expiresIn` is a number of seconds from 60, or such as 30m, 12h, 7d'));
    if (allow !== undefined && kind !== 'runner')
      return refused(errorInfo('bad_request', 'Only a runner token has `allow`'));
    if (this.of(userId).length >= MAX_KEYS)
      return refused(errorInfo('too_many_keys', `An account can have at most ${MAX_KEYS} keys`));
    if (userId === OWNER_ID) await this.accounts.ensureOwner();
    const token = mintToken(kind);
    const at = this.now();
    const row: KeyRow = {
      ...{ id: newId('k'), userId, kind, name, hint: tokenHint(token), createdAt: at },
      ...(lifeMs === undefined ? {} : { expiresAt: at + lifeMs }),
      ...(allow === undefined ? {} : { allow }),
    };
    const { revision } = await this.rows.create(secretHash(token), row, { ttlMs: lifeMs });
    await this.credentialCache.keys.settled(revision);
    return { kind: 'created', key: infoOf(row), token };
  }

  /** Revokes a key of an account; the key, or undefined when there is none with this id. Resolves once it opens nothing. */
  async revoke(userId: string, id: string): Promise<KeyInfo | undefined> {
    const [hash] = this.of(userId).find(([, row]) => row.id === id) ?? [];
    return hash === undefined ? undefined : this.revokeHash(userId, hash);
  }

  /** The same by the SHA-256 of the token. */
  async revokeHash(userId: string, hash: string): Promise<KeyInfo | undefined> {
    const [, key] = this.of(userId).find(([known]) => known === hash) ?? [];
    if (key === undefined) return undefined;
    const { revision } = await this.rows.delete(hash, { markerMs: MARKER_MS });
    await this.credentialCache.keys.deletionSettled(hash, revision);
    return infoOf(key);
  }

  private of(userId: string): [hash: string, KeyRow][] {
    const now = this.now();
    return [...this.credentialCache.keys.entries()]
      .filter(([, key]) => key.userId === userId && (key.expiresAt ?? Infinity) > now)
      .sort(([, a], [, b]) => b.createdAt - a.createdAt);
  }
}
