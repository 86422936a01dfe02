import { OWNER_ID, type AccountRow } from '@pizzapi/protocol';

/** Which accounts have a password, where people sign in through an issuer too. */
export class PasswordPolicy {
  /** `passwords`: what the operator has decided for accounts without the issuer. Undefined where there is no issuer. */
  constructor(private readonly passwords: 'keep' | 'off' | undefined) {}

  get isOn(): boolean {
    return this.passwords !== 'off';
  }

  /**
   * Whether a password opens an account. The issuer alone decides on the accounts that it knows: a password would outlive
   * what it decides. The owner of the installation keeps a way in.
   */
  mayUse({ userId, identity }: Pick<AccountRow, 'userId' | 'identity'>): boolean {
    return this.isOn && (this.passwords === undefined || identity === undefined || userId === OWNER_ID);
  }
}
