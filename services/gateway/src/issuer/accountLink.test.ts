import type { KeyInfo } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { linkAccount, type AccountLinkDeps } from './accountLink.js';

const key: KeyInfo = { id: 'k1', kind: 'user', name: 'ci', hint: 'pzk_abcd', createdAt: 1 };
const claims = { issuer: 'https://id.example', subject: 'max' };

/** An account with a key; what happens to it, in order. */
function account({ failsAt }: { failsAt?: string } = {}) {
  const steps: string[] = [];
  const step = (name: string): Promise<void> => {
    if (name === failsAt) return Promise.reject(new Error(`${name} failed`));
    steps.push(name);
    return Promise.resolve();
  };
  const identity = { ...claims, confirmedAt: 1 };
  const deps: AccountLinkDeps = {
    identities: {
      link: async (userId) => {
        await step('link');
        return { userId, name: 'Max', role: 'member', createdAt: 1, identity };
      },
    },
    logins: { endAll: () => step('logins') },
    keys: {
      listOf: () => [key],
      revoke: async () => {
        await step('keys');
        return key;
      },
    },
    notifications: { clear: () => step('notifications') },
  };
  return { steps, deps };
}

it('an account is a person’s only after everything that could use it has ended, and ends that again', async () => {
  const { steps, deps } = account();
  expect(await linkAccount(deps, 'u1', claims)).toMatchObject({ userId: 'u1' });
  const access = ['logins', 'keys', 'notifications'];
  expect(steps).toEqual([...access, 'link', ...access]);
});

it.each(['logins', 'keys', 'notifications'])(
  'an account is not linked when its %s do not end, so that the next attempt ends them',
  async (failsAt) => {
    const { steps, deps } = account({ failsAt });
    await expect(linkAccount(deps, 'u1', claims)).rejects.toThrow('failed');
    expect(steps).not.toContain('link');
  },
);
