import { bucket, type Backbone, type AuditWriter } from '@pizzapi/backbone';
import { checkLinkToken, secretHash } from '@pizzapi/process';
import {
  errorInfo,
  PASSWORD_REQUIREMENTS,
  validatePassword,
  type AccountRow,
  type LoginBody,
  type LoginRow,
} from '@pizzapi/protocol';
import type { Cookies } from '../auth/cookies.js';
import type { Credential } from '../auth/principal.js';
import type { Handovers } from './handovers.js';
import type { AttemptRateLimiter } from './rateLimits.js';
import type { LoginOptions, Logins } from './logins.js';
import { retryAfterText, refused, type Client, type Refused } from './outcome.js';
import type { PasswordPolicy } from './passwordPolicy.js';
import { BUSY_S, type Passwords } from './passwords.js';
import { addressOf, type AccountStore } from './store.js';

export interface SignInDeps {
  b: Backbone;
  /** Of this home: sign-in links are signed with it. */
  secret: Uint8Array;
  accounts: AccountStore;
  logins: Logins;
  passwords: Passwords;
  limits: AttemptRateLimiter;
  cookies: Cookies;
  handovers: Handovers;
  passwordPolicy: PasswordPolicy;
  /** How long a login through the issuer lives that the issuer cannot be asked about, in ms. */
  issuerLoginMs?: number | undefined;
  audit: AuditWriter;
  now?: () => number;
}

/** A browser is signed in: `cookie` is what it is to keep. */
export interface SignInSuccess {
  kind: 'signed_in';
  account: AccountRow;
  cookie: string;
}

/** Signing in with address and password or with a link, and out. */
export class SignIn {
  private readonly links;
  private readonly now: () => number;

  constructor(private readonly deps: SignInDeps) {
    this.links = bucket<{ usedAt: number }>(deps.b, 'accounts');
    this.now = deps.now ?? Date.now;
  }

  /** The result never says whether the address or the password is wrong: it must not reveal who has an account. */
  async withPassword({ email, password }: LoginBody, client: Client): Promise<SignInSuccess | Refused> {
    const { accounts, passwords, limits, passwordPolicy, audit } = this.deps;
    if (!passwordPolicy.isOn) return refused(errorInfo('passwords_off'));
    if (!validatePassword(password).checks[1]!.met)
      return refused(errorInfo('password_weak', PASSWORD_REQUIREMENTS[1]));
    const address = addressOf(email);
    const { ip, cookies, isEncrypted = false } = client;
    const devices = this.deps.cookies.of({ isEncrypted }).device;
    const attempter = { ip, account: address, device: devices.deviceOf(cookies, address) };
    const wait = await limits.consume('login', attempter);
    if (wait !== undefined) return retryAfterText(wait);
    const account = await accounts.byEmail(address);
    const stored = account !== undefined && passwordPolicy.mayUse(account) ? account.password : undefined;
    const verdict = await passwords.verify(password, stored);
    if (verdict === 'busy') return retryAfterText(BUSY_S);
    if (account === undefined || verdict === 'wrong' || account.disabledAt !== undefined) {
      audit('login_failed', { ip, ...(account === undefined ? {} : { userId: account.userId }) });
      return refused(errorInfo('login_failed'));
    }
    await limits.refund('login', attempter);
    return this.begin(account, client, 'password');
  }

  /**
   * A link works once, whichever gateway it is opened at. One of the machine signs in the owner, one of a person who is
   * signed in that person.
   */
  async withLink(token: string, client: Client): Promise<SignInSuccess | Refused> {
    const { secret, accounts } = this.deps;
    const now = this.now();
    // Before attempts are counted: links cannot be guessed, and failed attempts of others must not block a valid one.
    const handedOver = await this.deps.handovers.take(token);
    if (handedOver !== undefined) {
      const account = await accounts.get(handedOver.userId);
      if (account === undefined || account.disabledAt !== undefined) return this.refuseLink(client);
      return this.begin(account, client, 'handover', this.lifeFrom(handedOver.login));
    }
    const link = checkLinkToken(secret, token, now);
    if (link.kind !== 'valid') return this.refuseLink(client);
    const used = await this.links.create(
      `link.${secretHash(link.nonce)}`,
      { usedAt: now },
      { ttlMs: link.expiresAt - now },
    );
    if (used.kind === 'conflict') return this.refuseLink(client);
    return this.begin(await accounts.ensureOwner(), client, 'link');
  }

  /**
   * A login that another one has handed over ends with the session at the issuer as that one does. It has no refresh token, so it
   * lives as long as a login without one, and no longer than the other.
   */
  private lifeFrom(login: LoginRow | undefined): LoginOptions {
    if (login?.issuer === undefined) return {};
    const { checkAt: _, ...issuer } = login.issuer;
    const restMs = Math.max(1_000, login.expiresAt - this.now());
    return { issuer, ttlMs: Math.min(restMs, this.deps.issuerLoginMs ?? restMs) };
  }

  private async refuseLink({ ip }: Client): Promise<Refused> {
    const wait = await this.deps.limits.consume('link', { ip });
    return wait === undefined ? refused(errorInfo('link_invalid')) : retryAfterText(wait);
  }

  /** Signs a browser in to an account that has just proven itself. */
  async begin(
    account: AccountRow,
    client: Client,
    how: 'password' | 'link' | 'signup' | 'invitation' | 'handover' | 'issuer',
    options: LoginOptions = {},
  ): Promise<SignInSuccess> {
    const { logins, audit } = this.deps;
    const { cookie, login } = await logins.begin(account.userId, client, options);
    audit('login', { userId: account.userId, ip: client.ip, how, loginId: login.id });
    return { kind: 'signed_in', account, cookie };
  }

  async out(userId: string, { kind, id }: Credential, ip: string): Promise<void> {
    if (kind !== 'login' || !(await this.deps.logins.end(userId, id))) return;
    this.deps.audit('logout', { userId, ip, loginId: id });
  }
}
