import { describe, expect, it } from 'vitest';
import { COMMAND_NAMES } from './commands.js';
import { guestAnswerProblem, guestCommandProblem, mayGuestAnswer, type GuestPromptKind } from './guestRights.js';
import {
  byLinkText,
  guestsAt,
  guestsIn,
  guestUserId,
  linkEndText,
  MAX_NAMED_GUESTS,
  rightOf,
  type GuestRight,
} from './guests.js';
import { allowsMore, SHARE_MODES } from './accounts.js';

const code = (kind: GuestPromptKind | undefined, right: GuestRight, value: unknown) =>
  guestAnswerProblem(kind, right, value)?.code ?? 'allowed';

/** The possible answers to a whole approval or plan, and some invalid ones. */
const APPROVALS = [
  'session',
  'folder',
  'always',
  { action: 'edit', text: 'x' },
  { action: 'approve', args: {} },
  7,
  [],
];
const PLANS = ['approve', 'cancel', 'reject', 'use less salt', true, false, null, undefined];

describe('the answers that a guest may give', () => {
  it('a guest with a read-write link may answer questions, and no approvals or plans', () => {
    for (const value of ['Wood', ['a', 'b'], null, undefined]) expect(code('question', 'write', value)).toBe('allowed');
    for (const value of ['approve', 'deny', { action: 'deny', reason: 'x' }, null, ...APPROVALS]) {
      expect(code('approval', 'write', value)).toBe('forbidden');
    }
    for (const value of PLANS) expect(code('plan', 'write', value)).toBe('forbidden');
    expect(guestAnswerProblem('approval', 'write', 'deny')?.message).toContain('writing but not approving');
  });

  it('a guest with a link for approvals may approve one call, and a plan without changes', () => {
    for (const value of ['approve', 'deny', { action: 'deny', reason: 'x' }, null]) {
      expect(code('approval', 'approve', value)).toBe('allowed');
    }
    for (const value of APPROVALS) expect(code('approval', 'approve', value)).toBe('forbidden');
    for (const value of PLANS) expect(code('plan', 'approve', value)).toBe('allowed');
    expect(code('plan', 'approve', { action: 'edit', text: 'rm -rf' })).toBe('forbidden');
  });

  it('a guest may not answer a dialog of an extension, because the effect of the answer is unknown', () => {
    for (const right of ['write', 'approve'] as const) {
      for (const value of [true, 'Yes', null]) expect(code(undefined, right, value)).toBe('forbidden');
      expect(mayGuestAnswer(undefined, right)).toBe(false);
    }
    expect(mayGuestAnswer('question', 'write')).toBe(true);
    expect(mayGuestAnswer('approval', 'write')).toBe(false);
    expect(mayGuestAnswer('plan', 'approve')).toBe(true);
  });

  it('a guest may send the commands of a conversation; a new command is not among them by default', () => {
    expect(COMMAND_NAMES.filter((name) => guestCommandProblem(name) === undefined)).toEqual([
      'input',
      'abort',
      'queue_edit',
      'queue_remove',
      'queue_move',
      'queue_send_now',
      'model_set',
      'set_thinking_level',
      'compact',
      'dialog_response',
    ]);
  });
});

describe('guests', () => {
  it('a guest is named by the share link, and an agent by the guests in whose turn it acts', () => {
    const bob = { userId: guestUserId('sh_1'), via: 'collab', name: 'Bob' };
    expect(guestsIn(bob, 's1')).toEqual([{ shareId: 'sh_1', sessionId: 's1', name: 'Bob' }]);
    const ref = { shareId: 'sh_2', sessionId: 's2' };
    expect(guestsIn({ userId: 'ada', via: 'agent', guests: [ref] }, 's1')).toEqual([ref]);
    expect(guestsIn({ userId: 'ada', via: 'owner' }, 's1')).toEqual([]);
    // Only the gateway names guests: a guest that another author claims is ignored.
    expect(guestsIn({ ...bob, guests: [ref] }, 's1')).toEqual([{ shareId: 'sh_1', sessionId: 's1', name: 'Bob' }]);
  });

  it('a guest has the least rights when the rights are missing', () => {
    expect(rightOf({})).toBe('write');
    expect(rightOf({ right: 'approve' })).toBe('approve');
  });

  it('guests are read from any value without an error', () => {
    const good = { shareId: 'a', sessionId: 'b' };
    expect(guestsAt({ g: [good, { shareId: 'a.b', sessionId: 'b' }, 7, null] }, 'g')).toEqual([good]);
    expect(guestsAt({ g: 'x' }, 'g')).toEqual([]);
    expect(guestsAt({ g: Array(MAX_NAMED_GUESTS + 1).fill(good) }, 'g')).toHaveLength(MAX_NAMED_GUESTS);
  });

  it('guests are listed by name in a sentence', () => {
    expect(byLinkText([{ name: 'Bob' }])).toBe('Bob, by share link');
    expect(byLinkText([{ name: 'Bob' }, { name: 'Eve' }, { name: 'Bob' }])).toBe('Bob and Eve, by share link');
    expect(byLinkText([{}])).toBe('a guest, by share link');
    expect(linkEndText({ name: 'Bob' }, 'revoked')).toBe('The share link of Bob was revoked.');
  });
});

it('the modes of a share link are ordered from the fewest rights to the most', () => {
  for (const [i, a] of SHARE_MODES.entries()) {
    for (const [j, b] of SHARE_MODES.entries()) expect(allowsMore(a, b)).toBe(i > j);
  }
});
