import type { KeyInfo } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { endOlderAccess, linkAccount, type AccountLinkDeps } from './accountLink.js';

const key: KeyInfo = { id: 'k1', kind: 'user', name: 'ci', hint: 'pzk_abcd', createdAt: 1 };
const login = { id: 'l1', createdAt: 1, lastSeenAt: 1, expiresAt: 99, ip: '', userAgent: '', current: false };
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
    logins: {
      endAll: () => step('logins'),
      listOf: () => [
        { ...login, id: 'old', createdAt: 1 },
        { ...login, id: 'new', createdAt: 9 },
      ],
      end: async (_userId, id) => {
        await step(`login ${id}`);
        return true;
      },
    },
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

it('what is older than the link ends at the next sign-in, should it have outlived the link', async () => {
  const { steps, deps } = account();
  const linked = { userId: 'u1', name: 'Max', role: 'member', createdAt: 1 } as const;
  await endOlderAccess(deps, { ...linked, identity: { ...claims, confirmedAt: 5, linkedAt: 5 } });
  expect(steps).toEqual(['login old', 'keys']);
  await endOlderAccess(deps, { ...linked, identity: { ...claims, confirmedAt: 5 } });
  expect(steps).toHaveLength(2);
});
