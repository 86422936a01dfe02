import { initialSessionInfo, OWNER_ID, type SessionInfo, type ShareRow } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { accountReader, SessionEntries, type EntryReader } from './sessionEntries.js';

const DAY = 24 * 60 * 60_000;
const ACCOUNTS: Record<string, { name: string; retention?: { days: number | null } }> = {
  u_ada: { name: 'Ada' },
  u_short: { name: 'Short', retention: { days: 7 } },
  u_long: { name: 'Long', retention: { days: null } },
};

/** The entries of a gateway where `owner` has session s1 on runner r1 and shares it with Eve. */
function entriesOf(owner: string, retentionDays = 0): SessionEntries {
  return new SessionEntries({
    publicUrl: () => 'http://x',
    directory: { userOf: () => owner, userOfRunner: () => owner, runner: () => ({ name: 'laptop' }) as never },
    shares: { grantOf: (userId) => (userId === 'u_eve' ? ({ userId: owner } as ShareRow) : undefined) },
    accountOf: (userId) => ACCOUNTS[userId],
    countViewers: () => 3,
    retentionDays,
  });
}
const session = (more: Partial<SessionInfo> = {}): SessionInfo => ({
  ...{ ...initialSessionInfo('s1'), runnerId: 'r1' },
  ...more,
});

it.each<[string, EntryReader, object]>([
  ['its owner', accountReader('u_ada'), { userName: 'Ada', runnerName: 'laptop' }],
  ['an account that it is shared with', accountReader('u_eve'), { userName: 'Ada', runnerName: undefined }],
  ['the same in the session', { accountId: 'u_eve', isGuest: true }, { userName: 'Ada', runnerName: undefined }],
  ['a guest who is signed in', { accountId: 'u_bob', isGuest: true }, { userName: undefined, runnerName: undefined }],
  [
    'a guest without an account',
    { accountId: undefined, isGuest: true },
    { userName: undefined, runnerName: undefined },
  ],
])('the entry of a session names its owner and its runner only to who may know them: %s', (_who, reader, names) => {
  const { userName, runnerName, viewerCount, shareUrl } = entriesOf('u_ada').for(reader, session());
  expect({ userName, runnerName }).toEqual(names);
  expect([viewerCount, shareUrl]).toEqual([3, 'http://x/s/s1']);
});

it('the owner of an installation without accounts is called Owner', () => {
  expect(entriesOf(OWNER_ID).for(accountReader(OWNER_ID), session())).toMatchObject({ userName: 'Owner' });
});

it.each<[string, string, number, Partial<SessionInfo>, number | undefined]>([
  ['no rule', 'u_ada', 0, {}, undefined],
  ['the rule of the installation', 'u_ada', 30, {}, 1_000 + 30 * DAY],
  ['the rule of its account', 'u_short', 30, {}, 1_000 + 7 * DAY],
  ['a rule of its account that keeps everything', 'u_long', 30, {}, undefined],
  ['a session that has not ended', 'u_ada', 30, { state: 'idle', endedAt: undefined }, undefined],
  ['a session that was imported', 'u_ada', 30, { runnerId: 'import' }, undefined],
])('the entry of an ended session says when it is erased: %s', (_what, owner, days, more, expiresAt) => {
  const ended = session({ state: 'ended', endedAt: 1_000, ...more });
  expect(entriesOf(owner, days).for(accountReader(owner), ended).expiresAt).toBe(expiresAt);
});
