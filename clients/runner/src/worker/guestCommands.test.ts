import { tmpdir } from 'node:os';
import type { Author, Command, LinkMode } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { call, owner, start, tidyUpAfterEach } from '../testing/human.js';
import { CommandExecutor } from './commandHandlers.js';

tidyUpAfterEach();

const EVE: Author = { userId: 'guest_sh_eve', via: 'collab', name: 'Eve', right: 'approve' };
const MINUTE = 60_000;

/** A session that waits for an approval, and what carries its commands out. `mode`: what Eve's link allows now. */
async function waiting(mode: LinkMode) {
  const test = await start({ approvals: 'ask', linked: { sessionId: 'p' } });
  const asked: string[] = [];
  const runner = new CommandExecutor({
    pi: test.session,
    emit: (event) => test.log.event(event),
    attachmentsDir: tmpdir(),
    readBlob: async () => undefined,
    linkMode: async (by) => {
      asked.push(by.userId);
      return mode;
    },
  });
  let count = 0;
  const send = (name: string, args: object, { by = EVE, at = Date.now() }: { by?: Author; at?: number } = {}) =>
    runner.run({ commandId: `c${++count}`, name, args, by, at, expiresAt: Infinity, sessionId: 'p' } as Command);
  await send('input', { text: call('write', { path: 'a', content: 'x' }) }, { by: owner });
  const { approval } = await test.log.next('approval_pending');
  const answer = (value: unknown, sent: { by?: Author; at?: number } = {}) =>
    send('dialog_response', { dialogId: approval.promptId, value }, sent);
  return { test, send, answer, asked };
}

describe('a command of a guest', () => {
  it('that comes at once is as the gateway has let it through', async () => {
    const { answer, asked } = await waiting('revoked');
    expect(await answer('folder')).toMatchObject({ ok: false, error: { code: 'forbidden' } });
    expect(await answer('approve')).toEqual({ ok: true });
    expect(asked).toEqual([]);
  });

  it.each(['revoked', 'expired', 'restricted', 'disabled'] as const)(
    'that has waited for its host is not carried out where the link is %s by now',
    async (mode) => {
      const { test, send, asked } = await waiting(mode);
      const late = await send('input', { text: 'hi' }, { at: Date.now() - MINUTE });
      expect(late).toMatchObject({ ok: false, error: { code: 'link_ended' } });
      expect(test.log.all('input_received').filter(({ text }) => text === 'hi')).toEqual([]);
      // What the owner sent waits as long as it has to.
      expect(await send('input', { text: 'from Ann' }, { by: owner, at: Date.now() - MINUTE })).toEqual({ ok: true });
      expect(asked).toEqual([EVE.userId]);
    },
  );

  it('changes no mode of the session; the same command of the owner does', async () => {
    const { test, send } = await waiting('approve');
    const commands = [
      ['set_plan_mode', { enabled: true }],
      ['set_approvals', { mode: 'allow' }],
      ['set_goal', { goal: { description: 'Leave' } }],
    ] as const;
    for (const [name, args] of commands)
      expect(await send(name, args), name).toMatchObject({ ok: false, error: { code: 'forbidden' } });
    expect(test.log.all('approvals_changed')).toMatchObject([{ mode: 'ask' }]);
    expect([...test.log.all('plan_mode_toggled'), ...test.log.all('goal_updated')]).toEqual([]);
    for (const [name, args] of commands.slice(0, 2))
      expect(await send(name, args, { by: owner })).toEqual({ ok: true });
    expect(test.log.all('approvals_changed').at(-1)).toMatchObject({ mode: 'allow' });
    expect(test.log.all('plan_mode_toggled')).toMatchObject([{ enabled: true }]);
  });

  it('that has waited approves nothing any more where the link was taken back a step', async () => {
    const { send, answer } = await waiting('collab');
    const sent = { at: Date.now() - MINUTE };
    expect(await answer('approve', sent)).toMatchObject({ ok: false, error: { code: 'forbidden' } });
    expect(await send('input', { text: 'hi' }, sent)).toEqual({ ok: true });
  });

  it('is refused where it is not one of a conversation', async () => {
    const { send } = await waiting('approve');
    for (const [name, args] of [
      ['exec', { command: 'id' }],
      ['set_name', { name: 'mine' }],
      ['session_message', { from: 'p', text: 'x' }],
      ['trigger_response', { triggerId: 't', response: 'x' }],
      ['guest_left', { shareId: 'sh_ann', why: 'revoked' }],
      ['attach_session', {}],
    ] as const)
      expect(await send(name, args), name).toMatchObject({ ok: false, error: { code: 'forbidden' } });
  });
});

it('a guest can change only own messages in the queue, and a stop by a guest drops only those', async () => {
  const { test, send } = await waiting('collab');
  const of = (by: Author, text: string) => send('input', { text, deliverAs: 'followUp' }, { by });
  for (const text of ['one', 'two']) await of(owner, text);
  for (const text of ['three', 'four']) await of(EVE, text);
  const ids = Object.fromEntries(test.log.all('input_received').map(({ text, commandId }) => [text, commandId]));
  const shown = () => test.session.state().queue.followUp;
  const forbidden = { ok: false, error: { code: 'forbidden' } };
  expect(await send('queue_edit', { inputId: ids['one'], text: 'x' })).toMatchObject(forbidden);
  expect(await send('queue_remove', { inputId: ids['one'] })).toMatchObject(forbidden);
  expect(await send('queue_move', { inputId: ids['two'], before: ids['one'] })).toMatchObject(forbidden);
  expect(await send('queue_send_now', { inputId: ids['two'] })).toMatchObject(forbidden);
  expect(await send('queue_edit', { inputId: ids['three'], text: 'drei' })).toEqual({ ok: true });
  expect(await send('queue_move', { inputId: ids['four'], before: ids['three'] })).toEqual({ ok: true });
  await expect.poll(shown).toEqual(['one', 'two', 'four', 'drei']);
  expect(await send('abort', { queue: 'drop' })).toEqual({ ok: true });
  expect(shown()).toEqual(['one', 'two']);
  expect(await send('queue_remove', { inputId: ids['three'] })).toMatchObject({ error: { code: 'input_not_queued' } });
  expect(await send('queue_remove', { inputId: ids['one'] }, { by: owner })).toEqual({ ok: true });
  expect(shown()).toEqual(['two']);
});

it('only the relay says that a guest has left', async () => {
  const { send } = await waiting('collab');
  for (const by of [owner, { userId: 'ann', via: 'agent' } as const])
    expect(await send('guest_left', { shareId: 'sh_eve', why: 'revoked' }, { by })).toMatchObject({
      error: { code: 'forbidden' },
    });
  const by = { userId: 'ann', via: 'system' } as const;
  expect(await send('guest_left', { shareId: 'sh_eve', why: 'revoked' }, { by })).toMatchObject({ ok: true });
  expect(await send('input', { text: 'hi' })).toMatchObject({ ok: false, error: { code: 'link_ended' } });
});
