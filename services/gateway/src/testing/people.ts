import { bucket, type Backbone } from '@pizzapi/backbone';
import { mintToken, secretHash, tokenHint } from '@pizzapi/process';
import { newId, type AccountRow, type KeyRow } from '@pizzapi/protocol';

/** Somebody with an account and an API key. */
export interface TestPerson {
  userId: string;
  /** A bearer. */
  token: string;
}

/** Makes an account and a key without asking a gateway. */
export async function addPerson(
  b: Backbone,
  name: string,
  more: Partial<AccountRow> = {},
  kind: KeyRow['kind'] = 'user',
): Promise<TestPerson> {
  const account: AccountRow = { userId: newId('u'), name, role: 'member', createdAt: Date.now(), ...more };
  const { userId } = account;
  const token = mintToken(kind);
  const key: KeyRow = { id: newId('k'), userId, kind, name, hint: tokenHint(token), createdAt: Date.now() };
  await bucket<AccountRow>(b, 'accounts').put(`user.${userId}`, account);
  await bucket<KeyRow>(b, 'api-keys').put(secretHash(token), key);
  return { userId, token };
}
