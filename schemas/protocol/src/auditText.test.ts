import { describe, expect, it } from 'vitest';
import { auditDetails, auditSentence, auditText, type AuditNames, type AuditRowFields } from './auditText.js';

const names: AuditNames = {
  user: (id) => ({ owner: 'Ada', u2: 'Grace' })[id],
  runner: (id) => ({ r1: 'ada-laptop' })[id],
};
const row = (kind: string, fields: object = {}): AuditRowFields => ({
  seq: 1,
  kind,
  at: 0,
  userId: 'owner',
  ...fields,
});
const KINDS = [
  'login',
  'login_failed',
  'logout',
  'signup',
  'password',
  'key_created',
  'key_revoked',
  'pair_asked',
  'pair_answered',
  'share_created',
  'share_changed',
  'share_revoked',
  'guest_spawn',
  'guest_stopped',
  'notifications',
  'join',
  'input',
  'command',
  'delete',
  'refused',
  'user_disabled',
  'user_enabled',
  'runner_claimed',
  'runner_forgotten',
  'runner_refused',
  'session_granted',
];
/** The sentence, with the session in brackets. */
const read = (kind: string, fields: object = {}): string =>
  auditText(auditSentence(row(kind, fields), names), (sid) => `[${sid}]`);

describe('a row of the audit trail reads as a sentence', () => {
  it.each<[string, object, string]>([
    ['login', { ip: '10.0.0.9', how: 'link' }, 'Ada signed in by a link from 10.0.0.9'],
    ['login_failed', { userId: undefined, ip: '10.0.0.9' }, 'An unknown client failed to sign in from 10.0.0.9'],
    ['login_failed', { what: 'password' }, 'Ada entered a wrong current password'],
    ['signup', { userId: undefined, outcome: 'taken' }, 'An unknown client requested an account and was refused'],
    ['logout', {}, 'Ada signed out'],
    ['key_created', { keyKind: 'runner', name: 'build box' }, 'Ada created a runner token “build box”'],
    ['key_revoked', { keyKind: 'user', hint: 'pzk_a1B2' }, 'Ada revoked an API key “pzk_a1B2”'],
    ['pair_answered', { keyKind: 'user', approved: false }, 'Ada denied an API key'],
    ['share_created', { sessionId: 's1', mode: 'read' }, 'Ada created a read-only link to [s1]'],
    ['share_created', { sessionId: 's1', mode: 'approve' }, 'Ada created a link that can write and approve in [s1]'],
    ['share_changed', { sessionId: 's1', mode: 'collab' }, 'Ada restricted to writing a link to [s1]'],
    [
      'guest_spawn',
      { sessionId: 's1', guestId: 'guest_x', guest: 'Bob', shareId: 'x' },
      'Bob, via link started through an agent [s1]',
    ],
    [
      'guest_stopped',
      { sessionId: 's1', guestId: 'guest_x', guest: 'Bob', what: 'session', why: 'revoked' },
      'Bob, via link lost access, which ended [s1] (the link was revoked)',
    ],
    [
      'guest_stopped',
      { sessionId: 's1', guestId: 'guest_x', what: 'work', why: 'expired' },
      'A guest, via link lost access, which stopped the agent in [s1] (the link has expired)',
    ],
    [
      'join',
      { userId: 'guest_x', guest: 'Ann', sessionId: 's1', mode: 'approve', count: 12 },
      'Ann, via link opened [s1] to write and approve, 12 more times',
    ],
    ['share_revoked', { sessionId: 's1', shareId: 'x' }, 'Ada revoked a link to [s1]'],
    ['join', { sessionId: 's1', mode: 'owner' }, 'Ada opened [s1]'],
    ['join', { userId: 'guest_x', guest: 'Ann', sessionId: 's1', mode: 'read' }, 'Ann, via link opened [s1] read-only'],
    ['input', { userId: 'guest_x', name: 'input', sessionId: 's1' }, 'A guest, via link wrote to [s1]'],
    ['command', { name: 'abort', sessionId: 's1', runnerId: 'r1' }, 'Ada stopped the agent in [s1]'],
    ['command', { name: 'restart', runnerId: 'r1' }, 'Ada sent the command restart on ada-laptop'],
    ['delete', { sessionId: 's1' }, 'Ada deleted [s1]'],
    [
      'notifications',
      { change: 'device_added', label: 'Safari on iPhone' },
      'Ada turned notifications on for the device “Safari on iPhone”',
    ],
    [
      'notifications',
      { change: 'webhook_set', host: 'ntfy.sh' },
      'Ada set the webhook of their notifications to ntfy.sh',
    ],
    ['user_disabled', { target: 'u2' }, 'Ada disabled Grace'],
    ['runner_claimed', { login: 'runner.r1' }, 'Ada connected a new runner, ada-laptop'],
    ['runner_forgotten', { runnerId: 'r1' }, 'Ada forgot the runner ada-laptop'],
    [
      'runner_refused',
      { userId: undefined, login: 'runner.r9', code: 'runner_claimed' },
      'A machine was refused as r9 (runner_claimed)',
    ],
    ['session_granted', { sessionId: 's1', runnerId: 'r1' }, 'Ada was granted [s1] on ada-laptop'],
    [
      'refused',
      { userId: undefined, method: 'GET', path: '/api/sessions', code: 'unauthenticated', ip: '::1', suppressed: 12 },
      'An unknown client was refused GET /api/sessions (unauthenticated) and 12 similar from ::1',
    ],
    [
      'refused',
      { userId: 'guest_x', frame: 'input', sessionId: 's1', code: 'read_only' },
      'A guest, via link was refused the frame input in [s1] (read_only)',
    ],
  ])('%s', (kind, fields, sentence) => {
    expect(read(kind, fields)).toBe(sentence);
  });

  it('also where its kind is unknown, or where it has no fields', () => {
    expect(read('moon_landing', { ip: '1.2.3.4' })).toBe('Ada moon landing from 1.2.3.4');
    expect(auditSentence({ seq: 1, kind: 'constructor', at: 0 }, names).did).toBe('constructor');
    for (const kind of KINDS) {
      const { who, did } = auditSentence({ seq: 1, kind, at: 0 }, names);
      expect(['An unknown client', 'A machine']).toContain(who);
      expect(did).not.toMatch(/undefined|\s$/);
    }
  });
});

it('the details of a row are its fields, beside those of every row', () => {
  expect(auditDetails(row('command', { commandId: 'c1', args: { a: 1 } }))).toEqual([
    ['userId', 'owner'],
    ['commandId', 'c1'],
    ['args', '{"a":1}'],
  ]);
});
