import { accountKey, accountRows, keyRows, type Backbone } from '@pizzapi/backbone';
import { mintToken, secretHash, tokenHint } from '@pizzapi/process';
import { newId, newOwnerAccount, OWNER_ID } from '@pizzapi/protocol';

/**
 * Creates the account of the installation's owner if it is missing. The user who starts the installation is its owner.
 * Without this row, the first account to sign up would become the owner.
 */
export async function ensureOwner(admin: Backbone): Promise<void> {
  await accountRows(admin).create(accountKey(OWNER_ID), newOwnerAccount(Date.now()));
}

/**
 * A registered runner token of this installation's owner: the `known` one where it is registered, else a fresh one.
 * A revoked token is not registered again. `save` is called before a fresh one becomes valid.
 */
export async function ensureRunnerToken(
  admin: Backbone,
  known: string | undefined,
  save: (token: string) => Promise<void>,
): Promise<void> {
  const keys = keyRows(admin);
  const isRegistered = known !== undefined && (await keys.get(secretHash(known))) !== undefined;
  const token = isRegistered ? known : mintToken('runner');
  await save(token);
  if (isRegistered) return;
  await keys.create(secretHash(token), {
    id: newId('k'),
    userId: OWNER_ID,
    kind: 'runner',
    name: 'This machine',
    hint: tokenHint(token),
    createdAt: Date.now(),
  });
}
