import { initialSessionInfo, type SessionInfo } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { flattened, holds, treeOf, type SessionNode } from './tree.js';

const session = (sessionId: string, parentSessionId?: string, fields: Partial<SessionInfo> = {}): SessionInfo => ({
  ...initialSessionInfo(sessionId),
  ...(parentSessionId === undefined ? {} : { parentSessionId }),
  ...fields,
});
type Shape = string | [string, Shape[]];
const shape = ({ session: { sessionId }, children }: SessionNode): Shape =>
  children.length === 0 ? sessionId : [sessionId, children.map(shape)];

it('puts children beneath their parent, however deep and wherever they run', () => {
  const sessions = [
    session('grandchild', 'child', { runnerId: 'r2' }),
    session('parent', undefined, { runnerId: 'r1' }),
    session('child', 'parent'),
  ];
  expect(treeOf(sessions).map(shape)).toEqual([['parent', [['child', ['grandchild']]]]]);
  expect(flattened(treeOf(sessions)).map(({ session: { sessionId }, depth }) => [sessionId, depth])).toEqual([
    ['parent', 0],
    ['child', 1],
    ['grandchild', 2],
  ]);
});

it('lets a child stand alone whose parent is not in the list', () => {
  expect(treeOf([session('child', 'gone'), session('other')]).map(shape)).toEqual(['child', 'other']);
});

it('shows every session once, also when links lead in a circle', () => {
  const sessions = [session('a', 'b'), session('b', 'a'), session('self', 'self'), session('c', 'a')];
  const shown = flattened(treeOf(sessions)).map(({ session: { sessionId } }) => sessionId);
  expect(shown.sort()).toEqual(['a', 'b', 'c', 'self']);
});

it('counts what works and what waits beneath, and brings the tree up that is most urgent', () => {
  const sessions = [
    session('working', undefined, { state: 'working', lastActivityAt: 9 }),
    session('parent', undefined, { state: 'idle' }),
    session('c1', 'parent', { state: 'working' }),
    session('c2', 'parent', { state: 'ended' }),
    session('c3', 'c1', { state: 'waiting' }),
    session('c4', 'c1', { state: 'waiting', host: 'lost' }),
  ];
  const [first, second] = treeOf(sessions);
  expect(shape(first!)).toEqual(['parent', [['c1', ['c3', 'c4']], 'c2']]);
  expect(first!.below).toEqual({ all: 4, working: 1, waiting: 1 });
  expect(second!.session.sessionId).toBe('working');
  expect([holds(first!, 'c3'), holds(first!, 'parent'), holds(first!, undefined)]).toEqual([true, false, false]);
});
