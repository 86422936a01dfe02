import type { AuditWriter } from '@pizzapi/backbone';
import {
  errorInfo,
  newId,
  OWNER_ID,
  type AccountRow,
  type SignupBody,
  type SignupMode,
  type PasswordBody,
} from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import type { Invitations } from './invitations.js';
import type { AttemptRateLimiter } from './rateLimits.js';
import type { Logins } from './logins.js';
import { retryAfterText, refused, weakness, type Client, type Refused } from './outcome.js';
import type { PasswordPolicy } from './passwordPolicy.js';
import { BUSY_S, type Passwords } from './passwords.js';
import type { SignInSuccess, SignIn } from './signIn.js';
import { addressOf, type AccountStore } from './store.js';

/** Characters of an account's name. */
const MAX_NAME = 80;

export interface SignUpDeps {
  mode: SignupMode;
  accounts: AccountStore;
  logins: Logins;
  passwords: Passwords;
  limits: AttemptRateLimiter;
  signIn: SignIn;
  invitations: Invitations;
  passwordPolicy: PasswordPolicy;
  audit: AuditWriter;
  now?: () => number;
}

/** `accepted` says nothing of whether there is a new account: the address may have been taken. */
export type SignUpOutcome = SignInSuccess | { kind: 'changed'; account: AccountRow } | { kind: 'accepted' } | Refused;

/** Who may get an account, and how an account gets its password. */
export class SignUp {
  private readonly now: () => number;

  constructor(private readonly deps: SignUpDeps) {
    this.now = deps.now ?? Date.now;
  }

  /** The mode that holds now: `first` is over with the first account, also with one that an issuer has brought. */
  async mode(): Promise<SignupMode> {
    const { mode, accounts, passwordPolicy } = this.deps;
    if (!passwordPolicy.isOn) return 'closed';
    const isOver = accounts.list().some(({ identity }) => identity !== undefined);
    return mode === 'first' && (isOver || (await accounts.get(OWNER_ID)) !== undefined) ? 'closed' : mode;
  }

  /** Whether anybody can sign in with a password. */
  hasPasswords(): boolean {
    const { accounts, passwordPolicy } = this.deps;
    return accounts.list().some((account) => account.password !== undefined && passwordPolicy.mayUse(account));
  }

  /**
   * The first account becomes the owner's and is signed in. Any later one is accepted or refused by the mode alone, after
   * the same work. Who is signed in as the owner, by a link and without an address so far, gets address and password.
   */
  async signUp(body: SignupBody, client: Client, principal: Principal | null): Promise<SignUpOutcome> {
    const { accounts, limits, passwordPolicy } = this.deps;
    if (!passwordPolicy.isOn) return refused(errorInfo('passwords_off'));
    const wait = await limits.consume('signup', { ip: client.ip });
    if (wait !== undefined) return retryAfterText(wait);
    if (body.invitation !== undefined) return this.createInvited(body, body.invitation, client);
    if (principal?.userId === OWNER_ID && (await accounts.get(OWNER_ID))?.email === undefined) {
      const { email, password, name } = body;
      return this.setPassword(principal, { email, next: password }, client, name);
    }
    return (await this.mode()) === 'closed' ? refused(errorInfo('signup_closed')) : this.create(body, client);
  }

  /**
   * Sets the password, and the address where one is given; all other logins of the account end. The current password
   * must be given when there is one.
   */
  async setPassword(
    { userId, credential }: Principal,
    { current, next, email }: PasswordBody,
    client: Client,
    name?: string,
  ): Promise<{ kind: 'changed'; account: AccountRow } | Refused> {
    const { accounts, logins, passwords, passwordPolicy, audit } = this.deps;
    if (!passwordPolicy.isOn) return refused(errorInfo('passwords_off'));
    // A key can be revoked; a password it had set would outlive that.
    if (credential.kind === 'key')
      return refused(errorInfo('forbidden', 'A key cannot set a password; sign in with a password or a link'));
    const weak = weakness(next);
    if (weak !== undefined) return refused(weak);
    const account = userId === OWNER_ID ? await accounts.ensureOwner() : await accounts.get(userId);
    const address = email === undefined ? account?.email : addressOf(email);
    if (account === undefined || address === undefined)
      return refused(errorInfo('bad_request', 'Give the e-mail address for sign-in'));
    if (!passwordPolicy.mayUse(account)) return refused(errorInfo('issuer_account'));
    const wrong = account.password === undefined ? undefined : await this.checked(account, current, client);
    if (wrong !== undefined) return wrong;
    const hash = await passwords.hash(next);
    if (hash === undefined) return retryAfterText(BUSY_S);
    if (!(await accounts.claim(address, userId))) return refused(errorInfo('email_taken'));
    const shown = name === undefined ? {} : { name };
    const changed = await accounts.change(userId, (row) => ({ ...row, ...shown, email: address, password: hash }));
    if (account.email !== undefined && account.email !== address) await accounts.release(account.email);
    await logins.endAll(userId, credential.kind === 'login' ? credential.id : undefined);
    audit('password', { userId, ip: client.ip });
    return { kind: 'changed', account: changed ?? account };
  }

  /** Why the current password does not let a new one be set, or undefined when it is right. */
  private async checked(
    { userId, password }: AccountRow,
    current: string | undefined,
    { ip }: Client,
  ): Promise<Refused | undefined> {
    const { limits, passwords, audit } = this.deps;
    const attempter = { ip, account: userId, signedIn: true };
    const wait = await limits.consume('password', attempter);
    if (wait !== undefined) return retryAfterText(wait);
    const verdict = current === undefined ? 'wrong' : await passwords.verify(current, password);
    if (verdict === 'busy') return retryAfterText(BUSY_S);
    if (verdict === 'right') return void (await limits.refund('password', attempter));
    audit('login_failed', { userId, ip, what: 'password' });
    return refused(errorInfo('login_failed', 'The current password is wrong'));
  }

  /** Creates the one account of an invitation, and signs it in. An address that is taken leaves the invitation open. */
  private async createInvited(body: SignupBody, invitation: string, client: Client): Promise<SignUpOutcome> {
    const { accounts, invitations, passwords, signIn, audit } = this.deps;
    const weak = weakness(body.password);
    if (weak !== undefined) return refused(weak);
    const password = await passwords.hash(body.password);
    if (password === undefined) return retryAfterText(BUSY_S);
    const userId = newId('u');
    const taken = await invitations.take(invitation, userId, client.ip);
    if (taken.kind === 'refused') return taken;
    const account = { ...this.rowOf(body, password), userId, role: 'member' as const };
    const made = await accounts.create(account);
    if (made === 'created') {
      audit('signup', { ip: client.ip, userId, role: 'member', how: 'invitation' });
      return signIn.begin(account, client, 'invitation');
    }
    await taken.release();
    audit('signup', { ip: client.ip, outcome: made, how: 'invitation' });
    return refused(errorInfo('email_taken'));
  }

  private rowOf(
    { email, name }: SignupBody,
    password: string,
  ): Omit<AccountRow, 'userId' | 'role'> & { email: string } {
    const shown = name ?? (email.split('@', 1)[0]!.slice(0, MAX_NAME) || 'Owner');
    return { name: shown, createdAt: this.now(), email: addressOf(email), password };
  }

  private async create(body: SignupBody, client: Client): Promise<SignUpOutcome> {
    const { mode, accounts, passwords, signIn, audit } = this.deps;
    const weak = weakness(body.password);
    if (weak !== undefined) return refused(weak);
    const hash = await passwords.hash(body.password);
    if (hash === undefined) return retryAfterText(BUSY_S);
    const row = this.rowOf(body, hash);
    if ((await accounts.get(OWNER_ID)) === undefined) {
      const owner = { ...row, userId: OWNER_ID, role: 'admin' as const };
      if ((await accounts.create(owner)) === 'created') {
        audit('signup', { userId: OWNER_ID, ip: client.ip, role: 'admin' });
        return signIn.begin(owner, client, 'signup');
      }
    }
    // Another sign-up was first.
    if (mode !== 'open') return refused(errorInfo('signup_closed'));
    const userId = newId('u');
    const made = await accounts.create({ ...row, userId, role: 'member' });
    audit('signup', { ip: client.ip, ...(made === 'created' ? { userId, role: 'member' } : { outcome: made }) });
    return { kind: 'accepted' };
  }
}
