import { initialRunnerInfo, initialSessionInfo, type SessionInfo } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { groupSessions } from './grouping.js';
import { folderKey, listRows, parentAt, positions, runnerKey, steadyRow, type Folding } from './listRows.js';

const session = (sessionId: string, fields: Partial<SessionInfo> = {}): SessionInfo => ({
  ...initialSessionInfo(sessionId),
  runnerId: 'r1',
  cwd: '/a',
  ...fields,
});
const runner = (runnerId: string) => ({ ...initialRunnerInfo(runnerId), name: runnerId, online: true });
const GROUPS = groupSessions(
  [
    session('s1', { lastActivityAt: 9 }),
    session('s2', { lastActivityAt: 8 }),
    session('kid', { parentSessionId: 's1', lastActivityAt: 7 }),
    session('s3', { cwd: '/b', lastActivityAt: 6 }),
  ],
  [runner('r1'), runner('r2')],
);
const open: Folding = { isGroupOpen: () => true, isBranchOpen: () => true };
const without = (...closed: string[]): Folding => ({ ...open, isGroupOpen: (key) => !closed.includes(key) });
const keys = (rows: ReturnType<typeof listRows>) => rows.map(({ key }) => key);

it('groups become lines in the order of the screen, each with its depth and its position among those beside it', () => {
  const rows = listRows(GROUPS, open, true);
  expect(rows.map(({ key, level, position, siblings }) => `${key} ${level} ${position}/${siblings}`)).toEqual([
    'runner.r1 1 1/3',
    'folder.r1./a 2 1/2',
    'session.s1 3 1/2',
    'session.kid 4 1/1',
    'session.s2 3 2/2',
    'folder.r1./b 2 2/2',
    'session.s3 3 1/1',
    'runner.r2 1 2/3',
    'empty.r2 2 1/1',
    'more 1 3/3',
  ]);
  expect([4, 3, 1, 0].map((at) => parentAt(rows, at))).toEqual([1, 2, 0, undefined]);
});

it('what is folded has no lines, and its group says how much it holds', () => {
  const folded = listRows(GROUPS, without(folderKey('r1', '/a'), runnerKey('r2')));
  expect(keys(folded)).toEqual(['runner.r1', 'folder.r1./a', 'folder.r1./b', 'session.s3', 'runner.r2']);
  expect(folded[1]).toMatchObject({ isOpen: false, size: { all: 3 } });
  const branch = listRows(GROUPS, { ...open, isBranchOpen: () => false });
  expect(keys(branch)).not.toContain('session.kid');
});

it('the line that stays in its place is one that moved as most in sight did, not one that moved alone', () => {
  const at = (...of: string[]) => new Map(of.map((key, i) => [key, i]));
  const before = at('a', 'b', 'c', 'd');
  // `b` became active and went to the top, and two lines came above the rest.
  const after = at('b', 'x', 'y', 'a', 'c', 'd');
  expect(steadyRow(['b', 'c', 'd'], before, after)).toBe('c');
  expect(steadyRow(['b'], before, at('x'))).toBeUndefined();
  expect(positions(listRows(GROUPS, open)).get('session.s2')).toBe(4);
});
