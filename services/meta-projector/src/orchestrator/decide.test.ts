import { COMMAND_TTL_MS, isCommand, TRIGGER_ANSWER_MS, type EventOf } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { outcomeOf, receiptWhenOverdue, QUEUED_AFTER_MS, SLACK_MS } from './receipts.js';
import type { PendingCommand, SessionEndpoint, OutgoingCommand } from './commands.js';
import { decide, SPAWN_MS, type DecisionContext } from './decide.js';
import type { AnyLinkEvent, LinkEventType } from './linkEvents.js';

const NOW = 1_000_000;
const endpoint = (sid: string, more: Partial<SessionEndpoint> = {}): SessionEndpoint => ({
  ...{ sid, userId: 'ann', runnerId: `r-${sid}`, ended: false, ...more },
});
const parent = endpoint('p');
const child = endpoint('c', { name: 'Baker' });
const runner = { rid: 'r9', userId: 'ann', online: true };

/** What is decided of a fact, which was stored just now. */
function decided<T extends LinkEventType>(
  type: T,
  fields: Omit<EventOf<T>, 'type' | 'at'>,
  context: Partial<DecisionContext> & { at?: number } = {},
): OutgoingCommand[] {
  const { at = NOW, ...known } = context;
  const sender = known.sender ?? (known.parent === undefined ? parent : child);
  const event = { type, at, ...fields };
  const linkEvent = {
    sid: sender.sid,
    seq: 7,
    prevSeq: 6,
    msgId: `${sender.sid}.1.4`,
    at,
    event,
  } as unknown as AnyLinkEvent;
  const sends = decide(linkEvent, { now: NOW, sender, ...known });
  for (const { command } of sends) expect(isCommand(command)).toBe(true);
  return sends;
}
const brief = (sends: OutgoingCommand[]) =>
  sends.map(({ rid, command: { name, sessionId, args } }) => ({ rid, name, sessionId, args }));
const receipt = (outcome: string, code?: string) => ({
  ...{ name: 'link_receipt', args: { outcome, ...(code === undefined ? {} : { error: { code } }) } },
});

const question = { triggerId: 't', kind: 'ask_user_question', payload: { questions: [] } };

describe('a fact of a linked session', () => {
  it('is one command for the host of the other, in the name of the owner, whose id is the fact’s', () => {
    const sends = decided('session_trigger', question, { parent });
    const expiresAt = NOW + TRIGGER_ANSWER_MS;
    expect(brief(sends)).toEqual([
      {
        rid: 'r-p',
        name: 'session_trigger',
        sessionId: 'p',
        args: { ...question, sessionId: 'c', name: 'Baker', expiresAt },
      },
    ]);
    expect(sends[0]).toMatchObject({
      command: { by: { userId: 'ann', via: 'agent' }, at: NOW, expiresAt },
      pending: { requestId: 't', from: 'c', to: 'p', rid: 'r-p', isSpawn: false },
    });
    const waitsUntil = NOW + 5;
    const waiting = decided('session_trigger', { ...question, waitsUntil }, { parent });
    expect(waiting[0]!.command.args).toMatchObject({ waitsUntil, expiresAt });
    const again = decided('session_trigger', question, { parent: { ...parent, runnerId: 'elsewhere' } });
    expect(again[0]!.command.commandId).toBe(sends[0]!.command.commandId);
    const other = decided('session_trigger', { ...question, triggerId: 'u' }, { parent });
    expect(other[0]!.command.commandId).not.toBe(sends[0]!.command.commandId);
  });

  it('reaches nobody who is not linked, and its sender hears why', () => {
    const linkEvents = [
      decided('session_trigger', question, { sender: child }),
      decided('trigger_response', { triggerId: 't', response: 'x', to: 'c' }),
      decided('session_message', { from: 'p', text: 'x', to: 'c', messageId: 'm' }),
      decided('cleanup_child_session', { sessionId: 'c' }),
    ];
    for (const sends of linkEvents) expect(sends).toMatchObject([{ command: receipt('failed', 'not_linked') }]);
    const closed = { triggerId: 't', how: 'answered' } as const;
    expect(decided('trigger_closed', closed, { sender: child })).toEqual([]);
    expect(decided('delink_own_parent', {}, { sender: child })).toEqual([]);
  });

  it('is told back when the other has ended, or when it is too old', () => {
    const ended = { ...parent, ended: true };
    expect(decided('session_trigger', question, { parent: ended })).toMatchObject([
      { command: receipt('failed', 'session_ended') },
    ]);
    const late = [{ command: receipt('late', 'command_expired') }];
    expect(decided('session_trigger', question, { parent, at: NOW - TRIGGER_ANSWER_MS })).toMatchObject(late);
    expect(decided('session_trigger', { ...question, expiresAt: NOW }, { parent })).toMatchObject(late);
    const response = { triggerId: 't', response: 'x', to: 'c' };
    expect(decided('trigger_response', response, { child, at: NOW - COMMAND_TTL_MS })).toMatchObject(late);
    // That a child is done stays true.
    const done = { triggerId: 't', kind: 'session_complete' };
    expect(brief(decided('session_trigger', done, { parent, at: NOW - TRIGGER_ANSWER_MS }))).toMatchObject([
      { name: 'session_trigger', args: { kind: 'session_complete' } },
    ]);
  });

  it('carries answers, messages in both directions, and ends', () => {
    const by = { userId: 'bob', via: 'collab' } as const;
    expect(brief(decided('trigger_response', { triggerId: 't', response: 'x', to: 'c', by }, { child }))).toEqual([
      { rid: 'r-c', name: 'trigger_response', sessionId: 'c', args: { triggerId: 't', response: 'x', by } },
    ]);
    const message = { from: 'p', text: 'x', messageId: 'm' };
    expect(brief(decided('session_message', { ...message, to: 'c' }, { child }))).toMatchObject([
      { sessionId: 'c', args: { from: 'p', text: 'x' } },
    ]);
    expect(brief(decided('session_message', { ...message, to: 'p' }, { sender: child, parent }))).toMatchObject([
      { sessionId: 'p', args: { from: 'c', text: 'x' } },
    ]);
    expect(brief(decided('trigger_closed', { triggerId: 't', how: 'timed_out' }, { parent }))).toMatchObject([
      { sessionId: 'p', args: { triggerId: 't', sessionId: 'c', how: 'timed_out' } },
    ]);
    expect(brief(decided('cleanup_child_session', { sessionId: 'c' }, { child }))).toMatchObject([
      { name: 'kill_session', sessionId: 'c' },
    ]);
    expect(brief(decided('delink_children', {}, { children: [child, endpoint('d')] }))).toMatchObject([
      { name: 'session_unlinked', sessionId: 'c', args: { sessionId: 'p' } },
      { name: 'session_unlinked', sessionId: 'd', args: { sessionId: 'p' } },
    ]);
    expect(brief(decided('delink_own_parent', {}, { parent }))).toMatchObject([
      { name: 'session_unlinked', sessionId: 'p', args: { sessionId: 'c' } },
    ]);
  });

  it('starts a child on a runner of the same person that is there, under an id of its own', () => {
    const spawn = { spawnId: 'n', sessionId: 'c', prompt: 'Bake', name: 'Baker', runnerId: 'r9' };
    const sends = decided('session_spawn', spawn, { runner });
    expect(brief(sends)).toEqual([
      { rid: 'r9', name: 'new_session', args: { sessionId: 'c', prompt: 'Bake', name: 'Baker', parentSessionId: 'p' } },
    ]);
    const limited = decided('session_spawn', { ...spawn, pi: { noBuiltinTools: true, approve: true } }, { runner });
    expect(brief(limited)).toEqual([
      expect.objectContaining({ args: expect.objectContaining({ pi: { noBuiltinTools: true } }) as unknown }),
    ]);
    expect(sends[0]).toMatchObject({
      command: { expiresAt: NOW + SPAWN_MS },
      pending: { requestId: 'n', isSpawn: true },
    });
    const refused = (code: string) => [{ command: receipt('failed', code) }];
    const foreign = { ...runner, userId: 'eve' };
    expect(decided('session_spawn', spawn, { runner: foreign })).toMatchObject(refused('runner_not_found'));
    expect(decided('session_spawn', spawn, { runner: { ...runner, online: false } })).toMatchObject(
      refused('host_lost'),
    );
    expect(decided('session_spawn', spawn, { runner, isTaken: true })).toMatchObject(refused('already_exists'));
  });

  it('tells the parent of an end that the child could not tell of', () => {
    const lost = { reason: 'host_lost' } as const;
    expect(brief(decided('session_ended', lost, { parent }))).toMatchObject([
      { sessionId: 'p', args: { kind: 'session_error', sessionId: 'c', payload: { reason: 'host_lost' } } },
    ]);
    expect(decided('session_ended', lost, { parent, hasReported: true })).toEqual([]);
    expect(decided('session_ended', lost, { sender: child })).toEqual([]);
  });
});

describe('the sender of a command', () => {
  const pendingCommand: PendingCommand = {
    ...{ commandId: 'l_1', requestId: 't', from: 'p', to: 'c', rid: 'r', isSpawn: false },
    ...{ at: NOW, expiresAt: NOW + COMMAND_TTL_MS },
  };

  it('is told its outcome', () => {
    const failed = (code: string) => outcomeOf({ commandId: 'l_1', ok: false, error: { code, message: '' } }).outcome;
    expect(outcomeOf({ commandId: 'l_1', ok: true })).toEqual({ outcome: 'delivered' });
    expect(['trigger_late', 'command_expired', 'session_not_found', 'unknown'].map(failed)).toEqual([
      ...['late', 'late', 'failed', 'failed'],
    ]);
  });

  it('is told once that it waits, and that it came too late', () => {
    expect(receiptWhenOverdue(pendingCommand, NOW + QUEUED_AFTER_MS - 1)).toBeUndefined();
    expect(receiptWhenOverdue(pendingCommand, NOW + QUEUED_AFTER_MS)).toMatchObject({
      told: { outcome: 'queued' },
      over: false,
    });
    expect(receiptWhenOverdue({ ...pendingCommand, told: 'queued' }, NOW + QUEUED_AFTER_MS)).toBeUndefined();
    const over = pendingCommand.expiresAt + SLACK_MS;
    expect(receiptWhenOverdue({ ...pendingCommand, told: 'queued' }, over)).toMatchObject({
      told: { outcome: 'late' },
      over: true,
    });
  });

  it('is told that a child did not start in time; one that starts after all is still heard of', () => {
    const spawn = { ...pendingCommand, isSpawn: true, expiresAt: NOW + SPAWN_MS };
    expect(receiptWhenOverdue(spawn, NOW + SPAWN_MS - 1)).toBeUndefined();
    expect(receiptWhenOverdue(spawn, NOW + SPAWN_MS)).toMatchObject({
      ...{ told: { outcome: 'failed', error: { code: 'runner_timeout' } }, over: false },
    });
    expect(receiptWhenOverdue({ ...spawn, told: 'failed' }, NOW + SPAWN_MS)).toBeUndefined();
    expect(receiptWhenOverdue({ ...spawn, told: 'failed' }, NOW + SPAWN_MS + SLACK_MS)).toBe('over');
  });
});
