import { pairRows, type AuditWriter, type Backbone } from '@pizzapi/backbone';
import { randomText, secretHash } from '@pizzapi/process';
import {
  commonRights,
  errorInfo,
  type PairBody,
  type PairInfo,
  type PairPollReply,
  type PairReply,
  type PairRow,
  type RunnerRight,
} from '@pizzapi/protocol';
import type { CredentialCache } from '../auth/credentialCache.js';
import type { NatsWhere } from '../nats/natsAddresses.js';
import type { ApiKeys } from './keys.js';
import type { AttemptRateLimiter } from './rateLimits.js';
import { retryAfterText, refused, type Refused } from './outcome.js';
import { MARKER_MS } from './store.js';

/** How long a code may be answered, in ms. */
const PAIR_TTL_MS = 10 * 60_000;
/** How often the program is to ask, in ms. */
const POLL_MS = 2_000;
/** Without what is taken for something else: 0 O, 1 I. Eight of these are 40 random bits. */
const CODE_ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';
const CODE_CHARS = 8;
const SECRET_CHARS = 43;

export interface DeviceAuthorizationDeps {
  b: Backbone;
  credentialCache: CredentialCache;
  keys: ApiKeys;
  limits: AttemptRateLimiter;
  audit: AuditWriter;
  /** Where people open the page. */
  publicUrl: () => string;
  now?: () => number;
}

const notFound = () => refused(errorInfo('pair_not_found'));
const keyOf = (code: string): string => `pair.${secretHash(code)}`;
/** As a person may type it: `k7qp-2m9x`. */
const canonical = (code: string): string => code.replaceAll('-', '').toUpperCase();
const shown = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`;

/**
 * Device authorization: a program requests a key and shows a code, a signed-in person approves it, and the program,
 * which alone knows the secret, fetches the key once. The key is created when it is fetched, so that it is never stored.
 */
export class DeviceAuthorization {
  private readonly rows;
  private readonly now: () => number;

  constructor(private readonly deps: DeviceAuthorizationDeps) {
    this.rows = pairRows(deps.b);
    this.now = deps.now ?? Date.now;
  }

  async ask({ kind, name, allow }: PairBody, ip: string): Promise<({ kind: 'asked' } & PairReply) | Refused> {
    const { limits, audit, publicUrl } = this.deps;
    const wait = await limits.consume('pair', { ip });
    if (wait !== undefined) return retryAfterText(wait);
    const code = randomText(CODE_CHARS, CODE_ALPHABET);
    // The code is in it, so that one look-up finds the row.
    const secret = `${code}.${randomText(SECRET_CHARS)}`;
    const expiresAt = this.now() + PAIR_TTL_MS;
    const rights = allow === undefined || kind !== 'runner' ? {} : { allow };
    const row: PairRow = { kind, name, ip, secretHash: secretHash(secret), expiresAt, ...rights };
    const made = await this.rows.create(keyOf(code), row, { ttlMs: PAIR_TTL_MS });
    if (made.kind === 'conflict') return retryAfterText(1);
    audit('pair_asked', { ip, keyKind: kind, name });
    const verifyUrl = `${publicUrl()}/pair#${shown(code)}`;
    return { kind: 'asked', code: shown(code), secret, verifyUrl, expiresAt, intervalMs: POLL_MS };
  }

  /** What is asked for under a code, for who is to decide. */
  async look(code: string, ip: string): Promise<({ kind: 'found' } & { pair: PairInfo }) | Refused> {
    const found = await this.open(code, ip);
    if (found.kind === 'refused') return found;
    const { kind, name, ip: from, expiresAt, allow } = found.row;
    const rights = allow === undefined ? {} : { allow };
    return { kind: 'found', pair: { code: shown(canonical(code)), kind, name, ip: from, expiresAt, ...rights } };
  }

  /** Approves or denies a request, once. `allow`: what the key may have at most. */
  async answer(
    code: string,
    { approved, allow }: { approved: boolean; allow?: RunnerRight[] | undefined },
    { userId, ip }: { userId: string; ip: string },
  ): Promise<{ kind: 'answered' } | Refused> {
    const found = await this.open(code, ip);
    if (found.kind === 'refused') return found;
    const { row, revision } = found;
    const answered: PairRow = { ...row, answer: { approved, userId, ...(allow === undefined ? {} : { allow }) } };
    const ttlMs = row.expiresAt - this.now();
    const stored = await this.rows.update(keyOf(canonical(code)), answered, revision, { ttlMs });
    if (stored.kind === 'conflict') return notFound();
    this.deps.audit('pair_answered', { userId, ip, approved, keyKind: row.kind, name: row.name });
    return { kind: 'answered' };
  }

  /** What became of it, for the program. `natsWhere`: where its runner finds nats-server. An answer is given once. */
  async poll(
    secret: string,
    ip: string,
    natsWhere: NatsWhere = {},
  ): Promise<({ kind: 'polled' } & { reply: PairPollReply }) | Refused> {
    const { credentialCache, keys, audit } = this.deps;
    const code = secret.slice(0, CODE_CHARS);
    const found = await this.rows.get(keyOf(code));
    if (found === undefined || found.value.secretHash !== secretHash(secret) || this.isOver(found.value))
      return notFound();
    const { answer, kind, name, allow: asked } = found.value;
    if (answer === undefined) return { kind: 'polled', reply: { status: 'pending' } };
    // Of many who ask at once, one removes the row and gets the answer.
    const taken = await this.rows.delete(keyOf(code), { revision: found.revision, markerMs: MARKER_MS });
    if (taken.kind === 'conflict') return notFound();
    // The account that approved may have been disabled since.
    const account = await credentialCache.account(answer.userId);
    const isOfOther = (account?.identity?.linkedAt ?? 0) > found.value.expiresAt - PAIR_TTL_MS;
    // Nor does a new key come from before the account was given to a person of the issuer.
    if (!answer.approved || account?.disabledAt !== undefined || isOfOther)
      return { kind: 'polled', reply: { status: 'denied' } };
    const allow = kind === 'runner' ? commonRights(asked, answer.allow) : undefined;
    const rights = allow === undefined ? {} : { allow };
    const made = await keys.create(answer.userId, { name, kind, ...rights });
    if (made.kind === 'refused') return made;
    const { key, token } = made;
    audit('key_created', { userId: answer.userId, ip, keyId: key.id, keyKind: kind, name, how: 'pair', ...rights });
    const where = kind === 'runner' ? natsWhere : {};
    return { kind: 'polled', reply: { status: 'approved', token, ...where } };
  }

  /** Returns a row that waits for its answer. Guessing codes is rate-limited. */
  private async open(code: string, ip: string): Promise<{ kind: 'open'; row: PairRow; revision: number } | Refused> {
    const { limits } = this.deps;
    const wait = await limits.consume('pair_lookup', { ip });
    if (wait !== undefined) return retryAfterText(wait);
    const found = await this.rows.get(keyOf(canonical(code)));
    if (found === undefined || found.value.answer !== undefined || this.isOver(found.value)) return notFound();
    await limits.refund('pair_lookup', { ip });
    return { kind: 'open', row: found.value, revision: found.revision };
  }

  private isOver({ expiresAt }: PairRow): boolean {
    return expiresAt <= this.now();
  }
}
