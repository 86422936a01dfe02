import { expect, it } from 'vitest';
import { describeUse, storageWarning } from './storageUse.js';

const GIB = 1024 ** 3;
const account = (used: number) => ({ of: 'account' as const, used: used * GIB, limit: 20 * GIB });
const session = (used: number) => ({ of: 'session' as const, used: used * GIB, limit: 2 * GIB });

it('a warning is given from 80 % of a limit on, for the limit that is nearest', () => {
  expect(storageWarning([account(15.9), session(1.59)])).toBeUndefined();
  expect(storageWarning([account(16), session(0)])?.of).toBe('account');
  expect(storageWarning([account(17), session(1.9)])?.of).toBe('session');
  expect(storageWarning([account(25), session(1.9)])?.of).toBe('account');
  expect(storageWarning([{ ...account(1e6), limit: 0 }])).toBeUndefined();
  expect(storageWarning([])).toBeUndefined();
});

it('the use of storage is formatted as a sentence', () => {
  expect(describeUse(session(1.7))).toBe('This session holds 1.7 GiB of at most 2 GiB');
  expect(describeUse({ of: 'files_of_relay', used: 0, limit: 0 })).toBe('The files of this gateway use 0 B');
});
