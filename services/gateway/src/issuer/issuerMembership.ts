import type { AuditWriter } from '@pizzapi/backbone';
import { OWNER_ID, type AccountRow } from '@pizzapi/protocol';
import type { Logins } from '../accounts/logins.js';
import type { AccountStore } from '../accounts/store.js';
import { admit, roleOf, type IssuerAdmission } from './admission.js';
import type { PersonClaims } from './claims.js';
import type { Identities } from './identities.js';
import type { IssuerSettings } from './options.js';

export interface IssuerMembershipDeps {
  settings: Pick<IssuerSettings, 'rules' | 'confirmMs'>;
  identities: Identities;
  accounts: AccountStore;
  logins: Logins;
  audit: AuditWriter;
  now?: () => number;
}

/** What the issuer's word on a person changes in the account: role, confirmation, and whether the account is enabled. */
export class IssuerMembership {
  private readonly now: () => number;

  constructor(private readonly deps: IssuerMembershipDeps) {
    this.now = deps.now ?? Date.now;
  }

  /** Returns whether the rules still allow a person with an account. They do not hold for invited people and for the owner. */
  admissionOf({ userId, identity }: AccountRow, claims: PersonClaims): IssuerAdmission {
    if (userId === OWNER_ID || identity?.invited === true) return { kind: 'allowed' };
    return admit(claims, this.deps.settings.rules);
  }

  /** The issuer has confirmed the person: takes over the role that it gives, and enables what was disabled for its sake. */
  async confirm(userId: string, claims: PersonClaims, isComplete = true): Promise<AccountRow | undefined> {
    const { identities, accounts, settings, audit } = this.deps;
    const before = await accounts.get(userId);
    const account = await identities.confirm(userId, claims);
    if (account === undefined || before === undefined) return account;
    if (before.disabledBy === 'issuer' && account.disabledAt === undefined)
      audit('user_enabled', { target: userId, by: 'issuer' });
    const role = isComplete ? roleOf(claims, settings.rules) : undefined;
    if (role === undefined || role === account.role || userId === OWNER_ID) return account;
    audit('role_changed', { target: userId, by: 'issuer', role });
    return accounts.change(userId, (row) => ({ ...row, role }));
  }

  /** Disables the account of a person whom the issuer no longer lets in. Sign-ins, keys, runners and links stop. */
  async suspend(userId: string, why: string, isStillDue?: (row: AccountRow) => boolean): Promise<void> {
    if (userId === OWNER_ID) return;
    const { identities, logins, audit } = this.deps;
    if (!(await identities.suspend(userId, isStillDue))) return;
    audit('user_disabled', { target: userId, by: 'issuer', why });
    await logins.endAll(userId);
  }

  /** Disables the accounts that the issuer has not confirmed for too long. */
  async suspendUnconfirmed(): Promise<void> {
    const { accounts, settings } = this.deps;
    const isDue = ({ identity, disabledAt }: AccountRow): boolean =>
      identity !== undefined && disabledAt === undefined && identity.confirmedAt + settings.confirmMs <= this.now();
    for (const account of accounts.list().filter(isDue)) await this.suspend(account.userId, 'unconfirmed', isDue);
  }
}
