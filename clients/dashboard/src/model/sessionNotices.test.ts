import { initialSessionInfo, type SessionInfo } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import {
  isStillTrue,
  detectNotices,
  sentenceOf,
  chooseChannels,
  type PageState,
  type SessionNotice,
} from './sessionNotices.js';

const session = (fields: Partial<SessionInfo>): SessionInfo => ({ ...initialSessionInfo('s1'), ...fields });
const idle = session({ state: 'idle' });
const working = session({ state: 'working', busy: true });
const asks = (...waiting: string[]) => session({ state: 'waiting', busy: true, waiting });
const over = (endReason: SessionInfo['endReason']) => session({ state: 'ended', endReason, endedAt: 1 });
const kinds = (before: SessionInfo | undefined, now: SessionInfo) =>
  detectNotices(new Map(before === undefined ? [] : [['s1', before]]), new Map([['s1', now]])).map(({ kind }) => kind);

describe('news', () => {
  it('are an agent that is done, one that asks, and one that failed', () => {
    expect(kinds(working, idle)).toEqual(['finished']);
    expect(kinds(asks('q1'), idle)).toEqual(['finished']);
    expect(kinds(working, asks('q1'))).toEqual(['input']);
    expect(kinds(idle, asks('d1'))).toEqual(['input']);
    expect(kinds(working, over('error'))).toEqual(['error']);
    expect(kinds(idle, over('host_lost'))).toEqual(['error']);
    expect(kinds(working, over('completed'))).toEqual(['finished']);
  });

  it('are an agent whose host was stopped while it wrote, once', () => {
    const interrupted = session({ state: 'idle', interrupted: true });
    expect(kinds(working, interrupted)).toEqual(['error']);
    expect(kinds(interrupted, session({ state: 'idle', interrupted: true, messages: 1 }))).toEqual([]);
    expect(sentenceOf({ kind: 'error', session: interrupted })).toContain('The host was stopped while the agent wrote');
  });

  it('are no questions of a session that another account lets one only watch', () => {
    const shared = (mode: 'read' | 'collab') => ({ ...asks('q1'), shared: { shareId: 'sh_1', by: 'Ada', mode } });
    expect(kinds(working, shared('read'))).toEqual([]);
    expect(kinds(working, shared('collab'))).toEqual(['input']);
  });

  it('are not what stays as it was, what begins, or what somebody has done', () => {
    expect(kinds(idle, session({ state: 'idle', messages: 3 }))).toEqual([]);
    expect(kinds(idle, working)).toEqual([]);
    expect(kinds(working, over('killed'))).toEqual([]);
    expect(kinds(idle, over('completed'))).toEqual([]);
    expect(kinds(over('error'), session({ ...over('error'), messages: 9 }))).toEqual([]);
  });

  it('are a next question of another prompt, and not the next step of the same', () => {
    expect(kinds(asks('q1'), asks('q2'))).toEqual(['input']);
    expect(kinds(asks('q1', 'd1'), asks('q1', 'd2'))).toEqual([]);
  });

  it('of a session that was not there before are that it waits, and nothing else', () => {
    expect(kinds(undefined, asks('q1'))).toEqual(['input']);
    expect(kinds(undefined, idle)).toEqual([]);
    expect(kinds(undefined, over('error'))).toEqual([]);
  });

  it('are not that a session is done whose parent gets the result', () => {
    const child = { parentSessionId: 's0' };
    expect(kinds({ ...working, ...child }, { ...idle, ...child })).toEqual([]);
    expect(kinds({ ...working, ...child }, { ...over('completed'), ...child })).toEqual([]);
    expect(kinds({ ...working, ...child }, { ...asks('q1'), ...child })).toEqual(['input']);
    expect(kinds({ ...working, ...child }, { ...over('error'), ...child })).toEqual(['error']);
  });

  it('hold while nothing has taken them back', () => {
    const [finished] = detectNotices(new Map([['s1', working]]), new Map([['s1', idle]]));
    const [input] = detectNotices(new Map(), new Map([['s1', asks('q1')]]));
    expect([isStillTrue(finished!, idle), isStillTrue(finished!, working), isStillTrue(finished!, undefined)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([isStillTrue(input!, asks('q1')), isStillTrue(input!, working)]).toEqual([true, false]);
  });

  it('are told in one sentence', () => {
    expect(sentenceOf({ kind: 'input', session: asks('q1') }, 'Which oven?')).toBe('Which oven?');
    expect(sentenceOf({ kind: 'input', session: asks('q1') })).toBe('The agent waits for your answer.');
    expect(sentenceOf({ kind: 'error', session: over('host_lost') })).toBe('Its runner was lost.');
    expect(sentenceOf({ kind: 'error', session: idle })).toBe('The agent could not continue.');
  });
});

it('belong in a toast unless the session is in view, and in a notification while the tab is not', () => {
  const eyes = { hidden: false, sid: 's2', home: false, mayNotify: true };
  const ways = (changes: Partial<PageState>, kind: SessionNotice['kind'] = 'finished') =>
    chooseChannels({ kind, session: idle }, { ...eyes, ...changes });
  expect(ways({})).toEqual({ toast: true, notify: false });
  expect(ways({ sid: 's1' })).toEqual({ toast: false, notify: false });
  expect(ways({ home: true })).toEqual({ toast: true, notify: false });
  expect(ways({ home: true }, 'input')).toEqual({ toast: false, notify: false });
  expect(ways({ sid: 's1', hidden: true })).toEqual({ toast: true, notify: true });
  expect(ways({ hidden: true, mayNotify: false })).toEqual({ toast: true, notify: false });
});
