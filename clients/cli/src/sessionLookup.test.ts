import { initialSessionInfo } from '@pizzapi/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookUpSession, shortIds } from './sessionLookup.js';

const session = (sessionId: string, name = '', lastActivityAt = 0) => ({
  ...initialSessionInfo(sessionId),
  name,
  lastActivityAt,
});
const all = [
  session('s_aaaabbbb', 'Fix the test', 1),
  session('s_aaaacccc', 'Docs', 3),
  session('s_dddd', 'docs', 2),
  session('s_eeee', 'last', 0),
  session('s_ffff', 's_dddd', 0),
];
const found = (named: string) => {
  const outcome = lookUpSession(named, all);
  if (outcome.kind === 'found') return outcome.session.sessionId;
  return outcome.kind === 'unknown' ? 'unknown' : outcome.sessions.map(({ sessionId }) => sessionId);
};

describe('a session on the command line', () => {
  it('a session is found by its id, a unique beginning of it, its name, and the word last', () => {
    expect(found('s_aaaabbbb')).toBe('s_aaaabbbb');
    expect(found('s_aaaab')).toBe('s_aaaabbbb');
    expect(found('Fix the test')).toBe('s_aaaabbbb');
    expect(found('FIX THE TEST')).toBe('s_aaaabbbb');
    expect(found('last')).toBe('s_aaaacccc');
  });

  it('a name in its exact spelling wins over the same name in another one', () => {
    expect(found('docs')).toBe('s_dddd');
    expect(found('DOCS')).toEqual(['s_aaaacccc', 's_dddd']);
  });

  it('an id wins over a session that is named like it, and the word last over a session with this name', () => {
    expect(found('s_dddd')).toBe('s_dddd');
    expect(found('last')).not.toBe('s_eeee');
  });

  it('a beginning of several ids is ambiguous, and one that is too short names no session', () => {
    expect(found('s_aaaa')).toEqual(['s_aaaabbbb', 's_aaaacccc']);
    expect(found('s_d')).toBe('unknown');
    expect(found('')).toBe('unknown');
    expect(lookUpSession('last', [])).toEqual({ kind: 'unknown' });
  });
});

it('short ids are different from each other and each finds its session', () => {
  const ids = fc.uniqueArray(fc.stringMatching(/^s_[ab]{8,12}$/), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(ids, (sids) => {
      const short = shortIds(sids);
      expect(new Set(sids.map(short)).size).toBe(sids.length);
      const sessions = sids.map((sid) => session(sid));
      for (const sid of sids) {
        expect(lookUpSession(short(sid), sessions)).toMatchObject({ kind: 'found', session: { sessionId: sid } });
      }
    }),
  );
  expect(shortIds(['s_abcdefghij', 's_zbcdefghij'])('s_abcdefghij')).toBe('s_abcdef');
});
