import { COMMAND_NAMES, SESSION_COMMANDS, type ShareMode, type ViewerMode } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { localOwner, type Principal } from '../auth/principal.js';
import { Access } from './access.js';
import { RecentSpawns } from './recentSpawns.js';

/** What the links are now; `undefined` = over. */
let now: ShareMode | undefined;
/** What `u_1` may do in the session `theirs`, and who has shared it; undefined = it is not shared. */
let granted: { userId: string; mode: ShareMode } | undefined;
/** The account that is disabled. */
let disabled: string | undefined;
const recentSpawns = new RecentSpawns();
const access = new Access(
  {
    userOf: (sid) => ({ mine: 'u_1', theirs: 'u_2' })[sid],
    userOfRunner: (rid) => ({ mine: 'u_1', theirs: 'u_2' })[rid],
  },
  {
    modeNow: () => now,
    grantOf: (userId, sid) =>
      granted === undefined || userId !== 'u_1' || sid !== 'theirs'
        ? undefined
        : { ...granted, shareId: 'sh_1', sessionId: sid, createdAt: 0, expiresAt: Infinity, grantee: userId },
  },
  recentSpawns,
  (userId) => disabled === userId,
);

const person: Principal = { ...localOwner(), userId: 'u_1', role: 'member' };
const admin: Principal = { ...localOwner(), userId: 'u_3' };
const guest: Principal = {
  ...{ userId: 'guest_1', name: 'Ada', role: 'guest', via: 'collab' },
  ...{ credential: { kind: 'share', id: '1' }, share: { sid: 'mine', mode: 'collab' } },
};

/** The commands that leave no refusal. */
const allowed = (principal: Principal) =>
  COMMAND_NAMES.filter((name) => access.commandProblem(principal, 'mine', name) === undefined);

describe('a session', () => {
  it.each<[string, Principal, string, ViewerMode | undefined]>([
    ['is its owner’s', person, 'mine', 'owner'],
    ['of somebody else is none', person, 'theirs', undefined],
    ['is none of an admin’s either', admin, 'mine', undefined],
    ['that does not exist is none', person, 'nowhere', undefined],
    ['beside the link’s is none to a guest', guest, 'theirs', undefined],
  ])('%s', (_what, principal, sid, mode) => {
    now = 'collab';
    expect(access.modeIn(principal, sid)).toBe(mode);
  });

  it('is to a guest what the link says now, whatever it said when they came', () => {
    for (const mode of ['approve', 'collab', 'read', undefined] as const) {
      now = mode;
      expect(access.modeIn(guest, 'mine')).toBe(mode);
    }
  });

  it('that its owner shares with an account is that of a guest to the account, under its name', () => {
    for (const mode of ['read', 'collab', 'approve'] as const) {
      granted = { userId: 'u_2', mode };
      now = mode;
      expect(access.modeIn(person, 'theirs')).toBe(mode);
      expect(access.principalIn(person, 'theirs')).toEqual({
        ...{ userId: 'guest_sh_1', name: 'Owner', role: 'guest', via: 'collab' },
        credential: { kind: 'share', id: 'sh_1' },
        share: { sid: 'theirs', mode },
        account: { userId: 'u_1', credential: { kind: 'local', id: 'local' } },
      });
      expect(access.commandProblem(person, 'theirs', 'kill_session')).toBeDefined();
      expect(access.modeIn(admin, 'theirs')).toBeUndefined();
    }
    granted = undefined;
    expect(access.modeIn(person, 'theirs')).toBeUndefined();
  });

  it('is not shared by an account that is disabled, nor by another account than its owner', () => {
    granted = { userId: 'u_2', mode: 'collab' };
    now = 'collab';
    disabled = 'u_2';
    expect(access.modeIn(person, 'theirs')).toBeUndefined();
    disabled = undefined;
    granted = { userId: 'u_9', mode: 'collab' };
    expect(access.modeIn(person, 'theirs')).toBeUndefined();
    granted = undefined;
  });

  it('that was asked for a moment ago is there for its asker alone, and never shadows an owner', () => {
    recentSpawns.set('new', { userId: 'u_1', runnerId: 'r' });
    recentSpawns.set('theirs', { userId: 'u_1', runnerId: 'r' });
    expect(access.modeIn(person, 'new')).toBe('owner');
    expect(access.modeIn(admin, 'new')).toBeUndefined();
    expect(access.modeIn(person, 'theirs')).toBeUndefined();
  });
});

describe('a runner', () => {
  it('is for its owner alone', () => {
    expect(access.mayUseRunner(person, 'mine')).toBe(true);
    for (const principal of [admin, guest, { ...guest, userId: 'u_1' }])
      expect(access.mayUseRunner(principal, 'mine')).toBe(false);
  });
});

describe('commands', () => {
  it('of a guest who may take part are those of the conversation', () => {
    for (now of ['collab', 'approve'] as const) {
      expect(allowed(guest).sort()).toEqual([
        ...['abort', 'compact', 'dialog_response', 'input', 'model_set'],
        ...['queue_edit', 'queue_move', 'queue_remove', 'queue_send_now', 'set_thinking_level'],
      ]);
    }
    for (const name of ['kill_session', 'fork', 'exec', 'set_name', 'attach_session', 'restart'])
      expect(access.commandProblem(guest, 'mine', name)).toMatchObject({ code: 'forbidden' });
  });

  it('of who may only watch are none', () => {
    now = 'read';
    for (const name of [...COMMAND_NAMES, 'resize', 'constructor'])
      expect(access.commandProblem(guest, 'mine', name)).toMatchObject({ code: 'read_only' });
  });

  it('of the owner are all', () => {
    expect(allowed(person)).toEqual(expect.arrayContaining(SESSION_COMMANDS));
  });
});
