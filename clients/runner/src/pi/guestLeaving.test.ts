import type { Author, GuestRef } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { BOB, EVE, read, ref, sends, sentIds } from '../testing/guests.js';
import { again, ask, last, OVEN, owner, start, tidyUpAfterEach } from '../testing/human.js';

tidyUpAfterEach();

const linked = { sessionId: 'p' };
const GONE = { shareId: 'sh_bob', name: 'Bob', why: 'revoked' } as const;

describe('when the link of a guest has ended', () => {
  it('the turn of the guest is stopped, the waiting inputs of the guest are dropped, and the inputs of others are delivered', async () => {
    const test = await start({ linked });
    const { session, log } = test;
    await sends(test, BOB, ask(OVEN));
    await log.next('dialog_opened');
    await sends(test, BOB, 'from Bob, to steer');
    await sends(test, BOB, 'from Bob, for later', 'followUp');
    await sends(test, owner, 'from Ann', 'followUp');
    await sends(test, EVE, 'the same text', 'followUp');
    await sends(test, BOB, 'the same text', 'followUp');
    const waiting = log.all('queue_update').at(-1)!;
    expect([...waiting.steering, ...waiting.followUp]).toHaveLength(5);
    expect(await session.guestLeft(GONE)).toMatchObject({ kind: 'ok', stopped: true, dropped: 3 });
    await log.until(() => read(test).includes('the same text'));
    expect(read(test).slice(1)).toEqual(['from Ann', 'the same text']);
    expect(log.all('input_dropped').map(({ commandId }) => commandId)).toEqual(sentIds(4, 3, 0));
    expect(log.all('input_dropped')[0]!.error).toMatchObject({ code: 'link_ended' });
    expect(log.all('input_dropped')[0]!.error.message).toContain('The share link of Bob was revoked');
    const lines = log.all('dialog_opened').filter(({ method, level }) => method === 'notify' && level === 'warning');
    expect(lines).toHaveLength(1);
    expect(lines[0]!.title).toBe(
      'The share link of Bob was revoked. Ended: what the agent did for them, and 3 inputs that waited. Write to have the agent go on.',
    );
    // From now on no input of the guest is accepted.
    expect(await sends(test, BOB, 'once more')).toMatchObject({ kind: 'failed', error: { code: 'link_ended' } });
    // A second report changes nothing.
    expect(await session.guestLeft(GONE)).toMatchObject({ stopped: false, dropped: 0 });
  });

  it('the turns of the owner and of another guest continue', async () => {
    for (const by of [owner, EVE]) {
      const test = await start({ linked });
      await sends(test, BOB, 'before');
      await test.log.next('agent_end');
      await sends(test, by, ask(OVEN));
      const { question } = await test.log.next('question_pending');
      await sends(test, BOB, 'waits');
      expect(await test.session.guestLeft(GONE)).toMatchObject({ stopped: false, dropped: 1 });
      expect(test.session.answerDialog(question.toolCallId, 'Wood', owner)).toBe('resolved');
      await test.log.next('agent_end', 2);
      expect(last(test, 'toolResult')).toBe('Answered: Wood');
    }
  });

  it('the next process does not deliver inputs of the guest that waited when the host died', async () => {
    const before = await start({ linked });
    await sends(before, owner, ask(OVEN));
    const { question } = await before.log.next('question_pending');
    await sends(before, BOB, 'from Bob');
    await sends(before, owner, 'from Ann');
    await before.session.dispose();

    const asked: (readonly GuestRef[])[] = [];
    const linkEnd = async (guests: readonly GuestRef[]) => {
      asked.push(guests);
      return 'expired' as const;
    };
    const after = await again(before, { linked, linkEnd });
    await after.log.next('input_dropped');
    await after.log.until(() => read(after).includes('from Ann'));
    expect(asked).toEqual([[ref('Bob')]]);
    expect(read(after)).not.toContain('from Bob');
    expect(after.log.all('input_dropped')[0]!.error.message).toContain('has expired');
    await after.session.dispose();
    // The process after that does not either.
    const third = await again(after, { linked, linkEnd });
    third.session.answerDialog(question.toolCallId, 'Wood', owner);
    await expect.poll(() => third.session.state().isStreaming).toBe(false);
    expect(asked).toHaveLength(1);
  });

  it('the next process does not deliver what another session sent for the guest', async () => {
    const before = await start({ linked });
    await sends(before, owner, ask(OVEN));
    await before.log.next('question_pending');
    const by: Author = { userId: 'ann', via: 'agent', guests: [ref('Bob', 'parent')] };
    const told = { name: 'session_message', args: { from: 'x', text: 'for Bob' }, by, at: 0, expiresAt: Infinity };
    await before.session.fromLinked({ ...told, commandId: 'l1', sessionId: 'p' } as never);
    await before.session.dispose();
    const asked: unknown[] = [];
    const linkEnd = async (guests: readonly GuestRef[]) => {
      asked.push(guests);
      return 'revoked' as const;
    };
    const after = await again(before, { linked, linkEnd, isResumed: true });
    await expect.poll(() => asked).toHaveLength(1);
    await sends(after, owner, 'hi');
    await after.log.until(() => read(after).includes('hi'));
    expect(read(after).join()).not.toContain('for Bob');
  });
});
