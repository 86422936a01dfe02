import { bucket, loginKey, loginRows, type AuditWriter, type Backbone } from '@pizzapi/backbone';
import { secretHash, Semaphore, sleep, type Logger } from '@pizzapi/process';
import type { AccountRow, LoginRow } from '@pizzapi/protocol';
import type { Logins } from '../accounts/logins.js';
import type { AccountStore } from '../accounts/store.js';
import type { CredentialCache } from '../auth/credentialCache.js';
import type { Identities } from './identities.js';
import { isPersonRefused } from './failure.js';
import type { Confirmation, IssuerClient } from './issuerClient.js';
import type { IssuerMembership } from './issuerMembership.js';
import type { LogoutToken } from './logoutTokens.js';
import type { IssuerSettings } from './options.js';
import type { RefreshTokens } from './refreshTokens.js';
import { runOnce } from './runOnce.js';

/** Logins that a gateway checks at once. */
const CONCURRENT = 4;
/** How long another gateway leaves a login to the one that checks it, in ms: longer than the requests of a check. */
const CLAIM_MS = 60_000;
/** A login ends that the issuer could not be asked about for so long, in ms. */
export const UNCHECKED_MS = 24 * 60 * 60_000;
/** The longest and the shortest pause between two looks at the logins, in ms. */
const LOOK_MS = 15_000;
const SHORTEST_MS = 200;

export interface IssuerChecksDeps {
  b: Backbone;
  settings: Pick<IssuerSettings, 'checkMs'>;
  client: IssuerClient;
  refreshTokens: RefreshTokens;
  membership: IssuerMembership;
  identities: Identities;
  accounts: AccountStore;
  logins: Logins;
  credentialCache: CredentialCache;
  audit: AuditWriter;
  log: Logger;
  now?: () => number;
}

/**
 * Ends the logins of people whom the issuer no longer knows: those that it names in a logout token at once, and any other one
 * when its refresh token is no longer accepted. Every gateway looks; a row that one of them claims is checked by that one.
 */
export class IssuerChecks {
  private readonly rows;
  private readonly used;
  private readonly now: () => number;
  private readonly stopping = new AbortController();
  private readonly checking = new Semaphore(CONCURRENT);

  constructor(private readonly deps: IssuerChecksDeps) {
    this.rows = loginRows(deps.b);
    this.used = bucket<{ usedAt: number }>(deps.b, 'accounts');
    this.now = deps.now ?? Date.now;
  }

  start(): void {
    void this.run();
  }

  stop(): void {
    this.stopping.abort();
  }

  /** Ends the logins that a logout token names, once. False for a token that was used before. */
  async endNamed({ issuer, id, subject, sid, expiresAt }: LogoutToken): Promise<boolean> {
    return runOnce(this.used, `oidc-logout.${secretHash(id)}`, { until: expiresAt, now: this.now }, () =>
      this.endAllNamed({ issuer, subject, sid }),
    );
  }

  private async endAllNamed({ issuer, subject, sid }: Pick<LogoutToken, 'issuer' | 'subject' | 'sid'>): Promise<void> {
    const person = subject === undefined ? undefined : await this.deps.identities.find({ issuer, subject });
    const isNamed = ({ userId, issuer: session }: LoginRow): boolean => {
      if (session === undefined || (subject !== undefined && person?.userId !== userId)) return false;
      return sid === undefined || session.sid === sid;
    };
    const named = [...this.deps.credentialCache.logins.entries()].filter(([, login]) => isNamed(login));
    for (const [hash, login] of named) await this.end(hash, login, 'issuer_logout');
  }

  /** Checks the logins that are due. */
  async checkDue(): Promise<void> {
    const now = this.now();
    const isDue = ({ issuer, expiresAt }: LoginRow) => (issuer?.checkAt ?? Infinity) <= now && expiresAt > now;
    const due = [...this.deps.credentialCache.logins.entries()].filter(([, login]) => isDue(login));
    await this.checking.forEach(due, ([hash]) => this.check(hash));
    await this.deps.membership.suspendUnconfirmed();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const pauseMs = Math.min(LOOK_MS, Math.max(SHORTEST_MS, this.deps.settings.checkMs / 4));
    await this.deps.credentialCache.ready;
    while (!signal.aborted) {
      try {
        await this.checkDue();
      } catch (err) {
        this.deps.log.warn({ err }, 'sign-ins could not be checked at the issuer; trying again');
      }
      // Gateways that started together do not look in step.
      await sleep(pauseMs * (0.5 + Math.random()), signal);
    }
  }

  private async check(hash: string): Promise<void> {
    const { client, refreshTokens, accounts } = this.deps;
    const login = await this.claim(hash);
    if (login?.issuer === undefined) return;
    const account = await accounts.get(login.userId);
    const token = await refreshTokens.of(hash);
    if (account?.identity === undefined || token === undefined) return this.end(hash, login, 'issuer_unknown');
    const exchange = await client.refresh(token, account.identity.subject);
    // The old token is used up, also where a later request has failed: the new one is stored before anything else.
    if (exchange.refreshToken !== undefined)
      await refreshTokens.put(hash, exchange.refreshToken, Math.max(1_000, login.expiresAt - this.now()));
    // The login may have ended meanwhile, and its token with it.
    if ((await this.rows.get(loginKey(hash))) === undefined) return refreshTokens.remove(hash);
    if (exchange.kind !== 'confirmed') {
      if (isPersonRefused(exchange)) return this.end(hash, login, `issuer_${exchange.why}`);
      const isOver = login.issuer.checkedAt + UNCHECKED_MS <= this.now();
      return isOver ? this.end(hash, login, 'issuer_unavailable') : undefined;
    }
    await this.confirmed(hash, account, exchange);
  }

  private async confirmed(hash: string, account: AccountRow, { claims, isComplete }: Confirmation): Promise<void> {
    const { membership, settings } = this.deps;
    const admission = isComplete ? membership.admissionOf(account, claims) : ({ kind: 'allowed' } as const);
    if (admission.kind === 'refused') return membership.suspend(account.userId, admission.why);
    const { address = account.identity?.address } = claims;
    await membership.confirm(account.userId, { ...claims, ...(address === undefined ? {} : { address }) }, isComplete);
    const now = this.now();
    await this.change(hash, (issuer) => ({ ...issuer, checkedAt: now, checkAt: now + settings.checkMs }));
  }

  /** The login, if this gateway is the one that checks it now. */
  private claim(hash: string): Promise<LoginRow | undefined> {
    const now = this.now();
    return this.change(hash, (issuer) =>
      issuer.checkAt !== undefined && issuer.checkAt <= now ? { ...issuer, checkAt: now + CLAIM_MS } : undefined,
    );
  }

  /** Changes what a login says of the issuer. Undefined when there is nothing to change, or another gateway was faster. */
  private async change(
    hash: string,
    change: (issuer: NonNullable<LoginRow['issuer']>) => LoginRow['issuer'],
  ): Promise<LoginRow | undefined> {
    const key = loginKey(hash);
    const found = await this.rows.get(key);
    const issuer = found?.value.issuer === undefined ? undefined : change(found.value.issuer);
    if (found === undefined || issuer === undefined) return undefined;
    const login = { ...found.value, issuer };
    const ttlMs = login.expiresAt - this.now();
    if (ttlMs <= 0) return undefined;
    const stored = await this.rows.update(key, login, found.revision, { ttlMs });
    return stored.kind === 'stored' ? login : undefined;
  }

  private async end(hash: string, { userId, id }: LoginRow, why: string): Promise<void> {
    const { logins, refreshTokens, audit } = this.deps;
    if (await logins.end(userId, id)) audit('logout', { userId, loginId: id, by: 'issuer', why });
    await refreshTokens.remove(hash);
  }
}
