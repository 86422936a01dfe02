import { initialSessionInfo, type GuestRef, type LinkEnd, type SessionInfo } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { AGAIN_MS, GuestEndings, type GuestEnding } from './guestEndings.js';

const bob: GuestRef = { shareId: 'sh_bob', sessionId: 'p', name: 'Bob' };
const eve: GuestRef = { shareId: 'sh_eve', sessionId: 'p' };
const info = (sid: string, more: Partial<SessionInfo>): SessionInfo => ({ ...initialSessionInfo(sid), ...more });
const ends = (...entries: [string, LinkEnd][]) => new Map(entries);

function book(...sessions: [string, Partial<SessionInfo>][]): GuestEndings {
  const made = new GuestEndings();
  for (const [sid, more] of sessions) made.note(sid, info(sid, more));
  return made;
}
const brief = (endings: GuestEnding[]) => endings.map(({ kind, sid, guest, why }) => [kind, sid, guest.shareId, why]);

describe('when links end', () => {
  it('sessions that their guests had started end, and in others what is theirs; nobody else’s', () => {
    const made = book(
      ['child', { startedBy: [bob], guestsAtWork: [bob] }],
      ['both', { startedBy: [eve, bob] }],
      ['p', { guestsAtWork: [bob, eve] }],
      ['eves', { startedBy: [eve] }],
      ['owners', {}],
    );
    expect(brief(made.endings(ends(['sh_bob', 'revoked'])))).toEqual([
      ['session', 'child', 'sh_bob', 'revoked'],
      ['session', 'both', 'sh_bob', 'revoked'],
      ['work', 'p', 'sh_bob', 'revoked'],
    ]);
    expect(made.endings(ends())).toEqual([]);
  });

  it('sessions that are over, or gone, need nothing', () => {
    const made = book(['child', { startedBy: [bob] }], ['p', { guestsAtWork: [bob] }]);
    made.note('child', info('child', { startedBy: [bob], state: 'ended' }));
    made.note('p', undefined);
    expect(made.all).toEqual([]);
    // One that comes back is there again.
    made.note('child', info('child', { startedBy: [bob], state: 'idle' }));
    expect(made.all).toHaveLength(1);
  });
});

describe('a host', () => {
  const ending: GuestEnding = { kind: 'session', sid: 'child', guest: bob, why: 'expired' };

  it('is told once, and again while it is there and has not done it', () => {
    const made = book(['child', { startedBy: [bob] }]);
    expect(made.due(ending, true, 0)).toBe('first');
    made.recordStopRequest(ending, 0);
    expect(made.due(ending, true, AGAIN_MS - 1)).toBeUndefined();
    expect(made.due(ending, true, AGAIN_MS)).toBe('again');
  });

  it('that is away is told once, and again when it is back', () => {
    const made = book(['child', { startedBy: [bob] }]);
    expect(made.due(ending, false, 0)).toBe('first');
    made.recordStopRequest(ending, 0);
    expect(made.due(ending, false, 100 * AGAIN_MS)).toBeUndefined();
    expect(made.due(ending, true, 100 * AGAIN_MS)).toBe('again');
  });

  it('is told anew of what begins anew after it was done', () => {
    const made = book(['p', { guestsAtWork: [bob] }]);
    made.recordStopRequest(ending, 0);
    made.keepOnly([]);
    expect(made.due(ending, true, 1)).toBe('first');
  });
});
