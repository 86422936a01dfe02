import { titleOf, initialSessionInfo, type SessionInfo } from '@pizzapi/protocol';
import { initialRunnerInfo } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { groupSessions, liveState, matches, placeOf } from './grouping.js';

const session = (sessionId: string, fields: Partial<SessionInfo> = {}): SessionInfo => ({
  ...initialSessionInfo(sessionId),
  runnerId: 'r1',
  cwd: '/a',
  ...fields,
});
const runner = (runnerId: string, online: boolean) => ({ ...initialRunnerInfo(runnerId), online });
const ids = (groups: ReturnType<typeof groupSessions>) =>
  groups.map(({ runnerId, folders }) => [
    runnerId,
    folders.map(({ cwd, sessions }) => [cwd, sessions.map(({ session: { sessionId } }) => sessionId)]),
  ]);

it('imported sessions are a group of their own, which is no runner that is offline', () => {
  const [group] = groupSessions([session('s1', { runnerId: 'import' })], []);
  expect(group).toMatchObject({ name: 'Imported', kind: 'import' });
  expect(placeOf(undefined, 'import')).toBe('imported from a file');
});

it('runners with equal names are told apart, and a runner that was forgotten is called by its id', () => {
  const named = (runnerId: string) => ({ ...runner(runnerId, true), name: 'box' });
  const sessions = [session('s1', { runnerId: 'old_1234' })];
  const groups = groupSessions(sessions, [named('box_aaaa'), named('box_bbbb')]);
  expect(groups.map(({ name, kind }) => [name, kind])).toEqual([
    ['box (aaaa)', 'daemon'],
    ['box (bbbb)', 'daemon'],
    ['old_1234', 'forgotten'],
  ]);
});

it('the sessions of other accounts are the last group, under the names of these accounts, and in no folder of the own', () => {
  const shared = { shareId: 'sh_1', by: 'Ada', mode: 'read' } as const;
  const groups = groupSessions([session('own'), session('theirs', { shared })], [runner('r1', true)]);
  expect(ids(groups)).toEqual([
    ['r1', [['/a', ['own']]]],
    ['shared', [['Ada', ['theirs']]]],
  ]);
  expect(groups[1]).toMatchObject({ name: 'Shared with me', kind: 'shared' });
  // What its owner is asked does not wait for who may only watch.
  expect(liveState(session('theirs', { shared, state: 'waiting' }))).toBe('working');
  expect(liveState(session('own', { state: 'waiting' }))).toBe('waiting');
});

it('groups sessions under their runner and folder, the latest folder first', () => {
  const sessions = [
    session('s1', { lastActivityAt: 1 }),
    session('s2', { cwd: '/b', lastActivityAt: 2 }),
    session('s3', { runnerId: 'r2', lastActivityAt: 3 }),
  ];
  const groups = groupSessions(sessions, [runner('r1', true), runner('r2', false)]);
  expect(ids(groups)).toEqual([
    [
      'r1',
      [
        ['/b', ['s2']],
        ['/a', ['s1']],
      ],
    ],
    ['r2', [['/a', ['s3']]]],
  ]);
});

it('puts what waits for the person before what works, and what has ended last', () => {
  const sessions = [
    session('ended', { state: 'ended', lastActivityAt: 9 }),
    session('idle', { lastActivityAt: 5 }),
    session('working', { state: 'working', lastActivityAt: 1 }),
    session('waiting', { state: 'waiting', lastActivityAt: 0 }),
  ];
  expect(ids(groupSessions(sessions, []))[0]![1]).toEqual([['/a', ['waiting', 'working', 'idle', 'ended']]]);
});

it('lists a runner that has no sessions, unless something is searched for', () => {
  expect(groupSessions([], [runner('r1', true)])).toHaveLength(1);
  expect(groupSessions([], [runner('r1', true)], 'all', 'x')).toEqual([]);
  expect(groupSessions([], [runner('r1', true)], 'active')).toEqual([]);
});

it('filters by what is active and by what waits', () => {
  const sessions = [
    session('ended', { state: 'ended' }),
    session('idle'),
    session('waiting', { state: 'waiting' }),
    session('gone', { state: 'waiting', host: 'lost' }),
  ];
  const shown = (filter: 'active' | 'waiting') =>
    groupSessions(sessions, [], filter).flatMap(({ folders }) =>
      folders.flatMap((folder) => folder.sessions.map(({ session: { sessionId } }) => sessionId)),
    );
  expect(shown('active').sort()).toEqual(['gone', 'idle', 'waiting']);
  expect(shown('waiting')).toEqual(['waiting']);
});

it('says "host lost" of a session that is not over and whose host is out of reach', () => {
  expect(liveState({ state: 'working', host: 'lost' })).toBe('lost');
  expect(liveState({ state: 'ended', host: 'lost' })).toBe('ended');
  expect(liveState({ state: 'waiting' })).toBe('waiting');
});

it('finds a session by every word, in any order', () => {
  const found = session('s1', { name: 'Fix the resume', cwd: '/home/ada/pizzapi' });
  expect(matches(found, 'pizzapi RESUME')).toBe(true);
  expect(matches(found, 'resume else')).toBe(false);
  expect(matches(found, '')).toBe(true);
});

it('calls a session by its name, else by its first prompt', () => {
  expect(titleOf(session('s1', { name: 'A', firstPrompt: 'B' }))).toBe('A');
  expect(titleOf(session('s1', { firstPrompt: 'B' }))).toBe('B');
  expect(titleOf(session('s1'))).toBe('New session');
});

it('groups a child with its parent, on whatever runner it is', () => {
  const sessions = [session('parent'), session('child', { parentSessionId: 'parent', runnerId: 'r2', cwd: '/b' })];
  expect(ids(groupSessions(sessions, []))).toEqual([['r1', [['/a', ['parent']]]]]);
  const waiting = groupSessions([sessions[0]!, { ...sessions[1]!, state: 'waiting' }], [], 'waiting');
  expect(ids(waiting)).toEqual([['r2', [['/b', ['child']]]]]);
});

it('lists a terminal only with its session, and says that it is one', () => {
  const terminal = { ...runner('t1', true), kind: 'tui' as const, name: 'ada-laptop' };
  expect(groupSessions([], [terminal])).toEqual([]);
  expect(groupSessions([session('s1', { runnerId: 't1' })], [terminal])).toMatchObject([{ kind: 'tui' }]);
  expect(placeOf(terminal, 't1')).toBe('in a terminal on ada-laptop');
  expect(placeOf(undefined, 't1')).toBe('t1');
});
