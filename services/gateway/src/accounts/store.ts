import { accountRows, emailRows, type Backbone } from '@pizzapi/backbone';
import { secretHash } from '@pizzapi/process';
import { CodedError, newOwnerAccount, OWNER_ID, type AccountRow } from '@pizzapi/protocol';
import type { CredentialCache } from '../auth/credentialCache.js';

/** Attempts at a change of an account that others change meanwhile. */
const ATTEMPTS = 10;
/** How long a deletion is remembered, in ms: a watch that was disconnected for longer lists all rows again. */
export const MARKER_MS = 60 * 60_000;

export type CreateAccountOutcome = 'created' | 'exists' | 'email_taken';

/** An address as it is compared and stored. */
export const addressOf = (email: string): string => email.normalize('NFKC').toLowerCase();

const emailKey = (email: string): string => `email.${secretHash(addressOf(email))}`;
const userKey = (userId: string): string => `user.${userId}`;

/**
 * The accounts of the bucket `accounts`. An address belongs to the account that its claim names, if that account says
 * the same: a process that dies between the two writes leaves nothing that lets anyone in.
 */
export class AccountStore {
  private readonly accounts;
  private readonly emails;

  constructor(
    b: Backbone,
    private readonly credentialCache: CredentialCache,
    private readonly now: () => number = Date.now,
  ) {
    this.accounts = accountRows(b);
    this.emails = emailRows(b);
  }

  get(userId: string): Promise<AccountRow | undefined> {
    return this.credentialCache.account(userId);
  }

  /** All accounts, the oldest first. */
  list(): AccountRow[] {
    return [...this.credentialCache.accounts.values()].sort((a, b) => a.createdAt - b.createdAt);
  }

  async byEmail(email: string): Promise<AccountRow | undefined> {
    const claim = await this.emails.get(emailKey(email));
    const account = claim === undefined ? undefined : await this.get(claim.value.userId);
    return account?.email === addressOf(email) ? account : undefined;
  }

  /** A new account, with its address if it has one. Of many who ask for one id or one address at once, one gets it. */
  async create(row: AccountRow): Promise<CreateAccountOutcome> {
    const email = row.email === undefined ? undefined : addressOf(row.email);
    const made = await this.accounts.create(userKey(row.userId), { ...row, ...(email === undefined ? {} : { email }) });
    if (made.kind === 'conflict') return 'exists';
    if (email === undefined || (await this.claim(email, row.userId))) {
      await this.credentialCache.accounts.settled(made.revision);
      return 'created';
    }
    await this.remove(row.userId);
    return 'email_taken';
  }

  /** Removes an account that no one has used. */
  async remove(userId: string): Promise<void> {
    await this.accounts.delete(userKey(userId), { markerMs: MARKER_MS });
  }

  /** The owner's account, made on first use: without address and password, for whom the machine itself lets in. */
  async ensureOwner(): Promise<AccountRow> {
    const known = await this.get(OWNER_ID);
    if (known !== undefined) return known;
    const row = newOwnerAccount(this.now());
    const made = await this.accounts.create(userKey(OWNER_ID), row);
    if (made.kind === 'stored') await this.credentialCache.accounts.settled(made.revision);
    return (await this.get(OWNER_ID)) ?? row;
  }

  /**
   * Changes an account, also during concurrent changes. Returns the new row, or undefined without such an account.
   * Resolves once this gateway acts on it.
   */
  async change(userId: string, change: (row: AccountRow) => AccountRow): Promise<AccountRow | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.accounts.get(userKey(userId));
      if (found === undefined) return undefined;
      const next = change(found.value);
      const stored = await this.accounts.update(userKey(userId), next, found.revision);
      if (stored.kind === 'conflict') continue;
      await this.credentialCache.accounts.settled(stored.revision);
      return next;
    }
    throw new CodedError('unavailable', 'The account was changed concurrently; try again');
  }

  /** True when the address belongs to this account now. */
  async claim(email: string, userId: string): Promise<boolean> {
    const made = await this.emails.create(emailKey(email), { userId });
    return made.kind === 'stored' || (await this.emails.get(emailKey(email)))?.value.userId === userId;
  }

  /** Gives an address back. */
  async release(email: string): Promise<void> {
    await this.emails.delete(emailKey(email), { markerMs: MARKER_MS });
  }
}
