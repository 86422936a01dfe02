import { describe, expect, it } from 'vitest';
import { AUDIT_KINDS, auditDetails, auditLine, byDay, type ShownAuditRow, type Names } from './audit.js';

const names: Names = {
  user: (id) => ({ owner: 'Ada', u2: 'Grace' })[id],
  runner: (id) => ({ r1: 'ada-laptop' })[id],
};
const row = (kind: string, fields: object = {}): ShownAuditRow => ({ seq: 1, kind, at: 0, userId: 'owner', ...fields });
/** The sentence as it is read, the session in brackets. */
const read = (kind: string, fields: object = {}): string => {
  const { who, did, sid, more, from } = auditLine(row(kind, fields), names);
  return [who, did, sid && `[${sid}]`, more, from && `from ${from}`].filter(Boolean).join(' ');
};

describe('a row of the audit trail reads as a sentence', () => {
  it.each<[string, object, string]>([
    ['login', { ip: '10.0.0.9', how: 'link' }, 'Ada signed in by a link from 10.0.0.9'],
    ['login_failed', { userId: undefined, ip: '10.0.0.9' }, 'Somebody tried to sign in and failed from 10.0.0.9'],
    ['login_failed', { what: 'password' }, 'Ada gave a wrong current password'],
    ['signup', { userId: undefined, outcome: 'taken' }, 'Somebody asked for an account and got none'],
    ['logout', {}, 'Ada signed out'],
    ['key_created', { keyKind: 'runner', name: 'build box' }, 'Ada created a runner token “build box”'],
    ['key_revoked', { keyKind: 'user', hint: 'pzk_a1B2' }, 'Ada revoked an API key “pzk_a1B2”'],
    ['pair_answered', { keyKind: 'user', approved: false }, 'Ada denied an API key'],
    ['share_created', { sessionId: 's1', mode: 'read' }, 'Ada made a read-only link to [s1]'],
    ['share_created', { sessionId: 's1', mode: 'approve' }, 'Ada made a link that can write and approve in [s1]'],
    ['share_changed', { sessionId: 's1', mode: 'collab' }, 'Ada took back to writing a link to [s1]'],
    [
      'guest_spawn',
      { sessionId: 's1', guestId: 'guest_x', guest: 'Bob', shareId: 'x' },
      'Bob, via link had an agent start [s1]',
    ],
    [
      'guest_stopped',
      { sessionId: 's1', guestId: 'guest_x', guest: 'Bob', what: 'session', why: 'revoked' },
      'Bob, via link had this session ended: [s1] (the link was revoked)',
    ],
    [
      'guest_stopped',
      { sessionId: 's1', guestId: 'guest_x', what: 'work', why: 'expired' },
      'Somebody, via link had their work stopped in [s1] (the link has expired)',
    ],
    [
      'join',
      { userId: 'guest_x', guest: 'Ann', sessionId: 's1', mode: 'approve', count: 12 },
      'Ann, via link opened [s1] to write and approve, 12 more times',
    ],
    ['share_revoked', { sessionId: 's1', shareId: 'x' }, 'Ada revoked a link to [s1]'],
    ['join', { sessionId: 's1', mode: 'owner' }, 'Ada opened [s1]'],
    ['join', { userId: 'guest_x', guest: 'Ann', sessionId: 's1', mode: 'read' }, 'Ann, via link opened [s1] to watch'],
    ['input', { userId: 'guest_x', name: 'input', sessionId: 's1' }, 'Somebody, via link wrote to [s1]'],
    ['command', { name: 'abort', sessionId: 's1', runnerId: 'r1' }, 'Ada stopped the agent in [s1]'],
    ['command', { name: 'restart', runnerId: 'r1' }, 'Ada sent the command restart on ada-laptop'],
    ['delete', { sessionId: 's1' }, 'Ada deleted [s1]'],
    [
      'notifications',
      { change: 'device_added', label: 'Safari on iPhone' },
      'Ada turned notifications on for the device “Safari on iPhone”',
    ],
    ['notifications', { change: 'webhook_set', host: 'ntfy.sh' }, 'Ada had notifications posted to ntfy.sh'],
    ['user_disabled', { target: 'u2' }, 'Ada disabled Grace'],
    ['runner_claimed', { login: 'runner.r1' }, 'Ada connected a new runner, ada-laptop'],
    [
      'runner_refused',
      { userId: undefined, login: 'runner.r9', code: 'runner_claimed' },
      'A machine was refused as r9 (runner_claimed)',
    ],
    ['session_granted', { sessionId: 's1', runnerId: 'r1' }, 'Ada was granted [s1] on ada-laptop'],
    [
      'refused',
      { userId: undefined, method: 'GET', path: '/api/sessions', code: 'unauthenticated', ip: '::1', suppressed: 12 },
      'Somebody was refused GET /api/sessions (unauthenticated) and 12 more like it from ::1',
    ],
    [
      'refused',
      { userId: 'guest_x', frame: 'input', sessionId: 's1', code: 'read_only' },
      'Somebody, via link was refused the frame input in [s1] (read_only)',
    ],
  ])('%s', (kind, fields, sentence) => {
    expect(read(kind, fields)).toBe(sentence);
  });

  it('also when its kind is one this page does not know, or nothing but its kind is there', () => {
    expect(read('moon_landing', { ip: '1.2.3.4' })).toBe('Ada moon landing from 1.2.3.4');
    expect(auditLine({ seq: 1, kind: 'constructor', at: 0 }, names).did).toBe('constructor');
    for (const kind of Object.keys(AUDIT_KINDS)) {
      const { who, did } = auditLine({ seq: 1, kind, at: 0 }, names);
      expect(['Somebody', 'A machine']).toContain(who);
      expect(did).not.toMatch(/undefined|\s$/);
    }
  });
});

it('rows stand under their days, newest first as they came', () => {
  const noon = new Date(2026, 10, 21, 12).getTime();
  const rows = [noon, noon - 3_600_000, noon - 86_400_000].map((at, i) => ({ seq: 9 - i, kind: 'login', at }));
  expect(byDay(rows).map(({ rows: own }) => own.map(({ seq }) => seq))).toEqual([[9, 8], [7]]);
});

it('what the sentence leaves out is there for those who look closer', () => {
  expect(auditDetails(row('command', { commandId: 'c1', args: { a: 1 } }))).toEqual([
    ['userId', 'owner'],
    ['commandId', 'c1'],
    ['args', '{"a":1}'],
  ]);
});
