import { createHash } from 'node:crypto';
import { IDENTITY_PREFIX, identityRows, type Backbone } from '@pizzapi/backbone';
import { CodedError, newId, type AccountRow } from '@pizzapi/protocol';
import type { AccountStore } from '../accounts/store.js';
import type { PersonClaims } from './claims.js';

type Identity = NonNullable<AccountRow['identity']>;
export type AccountWithIdentity = AccountRow & { identity: Identity };

/** Attempts at a claim that others change meanwhile. */
const ATTEMPTS = 10;

const keyOf = ({ issuer, subject }: Pick<Identity, 'issuer' | 'subject'>): string =>
  IDENTITY_PREFIX +
  createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('hex');

/**
 * The accounts of the issuer's people. An identity, which is issuer and subject, belongs to the account that its row names, if
 * that account says the same. The account is written first, so that a process that dies between the two writes leaves nothing
 * that keeps the person out.
 */
export class Identities {
  private readonly rows;

  constructor(
    b: Backbone,
    private readonly accounts: AccountStore,
    private readonly now: () => number = Date.now,
  ) {
    this.rows = identityRows(b);
  }

  async find(identity: Pick<Identity, 'issuer' | 'subject'>): Promise<AccountWithIdentity | undefined> {
    const row = await this.rows.get(keyOf(identity));
    return row === undefined ? undefined : this.accountOf(row.value.userId, identity);
  }

  /** A new account of a person. Of many requests at once, one creates it, and all get it. */
  async create(
    claims: PersonClaims,
    { role, invited = false, userId = newId('u') }: { role: AccountRow['role']; invited?: boolean; userId?: string },
  ): Promise<{ account: AccountWithIdentity; isNew: boolean }> {
    const identity = { ...this.identityOf(claims), ...(invited ? { invited } : {}) };
    const name = claims.name ?? claims.address?.split('@', 1)[0] ?? 'Person';
    const row: AccountWithIdentity = { userId, name, role, createdAt: this.now(), identity };
    await this.accounts.create(row);
    const winner = await this.claim(identity, userId);
    if (winner !== undefined) {
      await this.accounts.remove(userId);
      return { account: winner, isNew: false };
    }
    const { address } = claims;
    // An address of another account stays there.
    if (address !== undefined && (await this.accounts.claim(address, userId)))
      await this.accounts.change(userId, (now) => ({ ...now, email: address }));
    return { account: (await this.accountOf(userId, identity)) ?? row, isNew: true };
  }

  /** Gives an account without an identity that of a person. Undefined when it has got another one meanwhile. */
  async link(userId: string, claims: PersonClaims): Promise<AccountWithIdentity | undefined> {
    const identity = { ...this.identityOf(claims), linkedAt: this.now() };
    const changed = await this.accounts.change(userId, (row) =>
      row.identity === undefined ? { ...row, identity } : row,
    );
    const hasIt = changed?.identity !== undefined && keyOf(changed.identity) === keyOf(identity);
    if (!hasIt) return undefined;
    const winner = await this.claim(identity, userId);
    if (winner !== undefined) await this.accounts.change(userId, ({ identity: _, ...row }) => row);
    return winner ?? this.accountOf(userId, identity);
  }

  /** The issuer has confirmed the person now. */
  async confirm(userId: string, { address }: Pick<PersonClaims, 'address'>): Promise<AccountRow | undefined> {
    return this.accounts.change(userId, ({ disabledBy, disabledAt, ...row }) => {
      if (row.identity === undefined) return { ...row, ...kept({ disabledBy, disabledAt }) };
      const { address: _, ...identity } = row.identity;
      const confirmed = { ...identity, ...(address === undefined ? {} : { address }), confirmedAt: this.now() };
      // Only an admin enables what an admin has disabled.
      return { ...row, identity: confirmed, ...(disabledBy === 'issuer' ? {} : kept({ disabledAt })) };
    });
  }

  /** Disables an account until the issuer confirms the person again. False when it was disabled before. */
  async suspend(userId: string, isStillDue: (row: AccountRow) => boolean = () => true): Promise<boolean> {
    let suspended = false;
    await this.accounts.change(userId, (row) => {
      suspended = row.disabledAt === undefined && isStillDue(row);
      return suspended ? { ...row, disabledAt: this.now(), disabledBy: 'issuer' } : row;
    });
    return suspended;
  }

  private identityOf({ issuer, subject, address }: PersonClaims): Identity {
    return { issuer, subject, ...(address === undefined ? {} : { address }), confirmedAt: this.now() };
  }

  private async accountOf(
    userId: string,
    identity: Pick<Identity, 'issuer' | 'subject'>,
  ): Promise<AccountWithIdentity | undefined> {
    const account = await this.accounts.get(userId);
    if (account?.identity === undefined || keyOf(account.identity) !== keyOf(identity)) return undefined;
    return { ...account, identity: account.identity };
  }

  /** Undefined when the identity is now that of this account, or else the account that has it. */
  private async claim(identity: Identity, userId: string): Promise<AccountWithIdentity | undefined> {
    const key = keyOf(identity);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.rows.get(key);
      if (found?.value.userId === userId) return undefined;
      const holder = found === undefined ? undefined : await this.accountOf(found.value.userId, identity);
      if (holder !== undefined) return holder;
      // The account that it named is gone.
      const stored =
        found === undefined
          ? await this.rows.create(key, { userId })
          : await this.rows.update(key, { userId }, found.revision);
      if (stored.kind === 'stored') return undefined;
    }
    throw new CodedError('unavailable', 'The identity was claimed concurrently; try again');
  }
}

const kept = ({ disabledBy, disabledAt }: Pick<AccountRow, 'disabledBy' | 'disabledAt'>) => ({
  ...(disabledAt === undefined ? {} : { disabledAt }),
  ...(disabledBy === undefined ? {} : { disabledBy }),
});
