import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Author } from '@pizzapi/protocol';
import { describe, expect, it, vi } from 'vitest';
import { BOB, EVE, read, ref, sends } from '../testing/guests.js';
import { again, ask, call, last, OVEN, owner, say, start, tidyUpAfterEach, withExtension } from '../testing/human.js';
import type { TestSession } from './testKit.js';
import type { OpenOptions } from './types.js';

tidyUpAfterEach();

const linked = { sessionId: 'p' };
const spawn = (prompt = 'x') => call('spawn_session', { prompt });
const forbidden = { forbidden: { code: 'forbidden' } };

/** What writes is asked for, and the demo model has no shell with which it would show itself. */
const ASKING: Pick<OpenOptions, 'approvals' | 'pi'> = {
  approvals: 'ask',
  pi: { tools: ['write', 'ask_user_question'] },
};
const WRITE = call('write', { path: 'a', content: 'x' });

describe('what a guest writes', () => {
  const commands = [
    '/approvals allow',
    '/approvals forget',
    '/plan on',
    '/goal take over --max-turns 1',
    '/delink',
    '/share --collab',
    '/mine now',
    '/unregistered',
    '/hello there',
    '/skill:bake now',
    '!touch bash',
    '!!touch bash',
    ' /approvals allow',
    '/approvals\tallow',
  ];

  /** A person's own commands, a template, a skill, and an extension that looks at every input. */
  function things(): string {
    const agentDir = withExtension(`
      const log = (what) => require('node:fs').appendFileSync(process.env.COMMANDS_SEEN, what + '\\n');
      pi.registerCommand('mine', { description: 'x', handler: async () => log('command') });
      pi.on('input', ({ text }) => {
        if (!/^\\s*[/!](?!demo)/.test(text)) return { action: 'continue' };
        log('input ' + text);
        return { action: 'handled' };
      });
    `);
    mkdirSync(join(agentDir, 'prompts'));
    writeFileSync(join(agentDir, 'prompts', 'hello.md'), 'Expanded: $@');
    mkdirSync(join(agentDir, 'skills', 'bake'), { recursive: true });
    writeFileSync(join(agentDir, 'skills', 'bake', 'SKILL.md'), '---\nname: bake\ndescription: Bakes\n---\nDo it.');
    return agentDir;
  }

  it('a slash command of a guest is text, and runs no registered command', async () => {
    const agentDir = things();
    const seen = join(agentDir, 'seen');
    vi.stubEnv('COMMANDS_SEEN', seen);
    const test = await start({ agentDir, ...ASKING, linked });
    for (const [i, text] of commands.entries()) {
      expect(await sends(test, BOB, text)).toEqual({ kind: 'ok' });
      await test.log.next('agent_end', i + 1);
    }
    expect(read(test)).toEqual(commands);
    expect(existsSync(seen)).toBe(false);
    expect(existsSync(join(test.cwd, 'bash'))).toBe(false);
    const told = test.log.all('dialog_opened').filter(({ method }) => method === 'notify');
    expect(told).toEqual([]);
    expect([...test.log.all('plan_mode_toggled'), ...test.log.all('goal_updated')]).toEqual([]);
    // What changes something is asked for as before.
    await sends(test, owner, WRITE);
    await test.log.next('approval_pending');
  });

  it('is a text also while the agent works, and what the owner writes is not', async () => {
    const agentDir = things();
    vi.stubEnv('COMMANDS_SEEN', join(agentDir, 'seen'));
    const test = await start({ agentDir, ...ASKING, linked });
    await sends(test, owner, ask(OVEN));
    const { question } = await test.log.next('question_pending');
    await sends(test, BOB, '/approvals allow');
    await sends(test, BOB, '/hello Bob', 'followUp');
    await sends(test, owner, '/mine now');
    test.session.answerDialog(question.toolCallId, 'Wood', owner);
    await test.log.next('agent_end');
    expect(read(test).slice(1)).toEqual(['/approvals allow', '/hello Bob']);
    expect(readFileSync(join(agentDir, 'seen'), 'utf8')).toBe('command\n');
  });

  it('is no command either where an agent has another session started with it', async () => {
    const test = await start({ ...ASKING, linked });
    const agent: Author = { userId: 'ann', via: 'agent' };
    await sends(test, agent, '/approvals allow');
    await test.log.next('agent_end');
    await sends(test, { ...agent, guests: [ref('Bob', 'parent')] }, '/plan on');
    await test.log.next('agent_end', 2);
    expect(read(test)).toEqual(['/approvals allow', '/plan on']);
    await sends(test, owner, WRITE);
    await test.log.next('approval_pending');
  });
});

describe('what a guest answers', () => {
  it('with a link to write: questions, step by step and as a whole; not approvals, plans, or what extensions ask', async () => {
    const test = await start({ approvals: 'ask', linked });
    const { session, log } = test;
    await sends(test, owner, ask(OVEN));
    const step = await log.next('dialog_opened');
    expect(session.answerDialog(step.dialogId, 'Gas', BOB)).toBe('resolved');
    await log.next('agent_end');
    await sends(test, owner, ask(OVEN));
    const { question } = await log.next('question_pending', 2);
    expect(session.answerDialog(question.toolCallId, 'Wood', BOB)).toBe('resolved');
    await log.next('agent_end', 2);

    await sends(test, owner, call('bash', { command: 'touch a' }));
    const { approval } = await log.next('approval_pending');
    const asked = await log.next('dialog_opened', 3);
    for (const value of ['approve', 'session', 'folder', 'deny', { action: 'deny', reason: 'x' }, null]) {
      expect(session.answerDialog(approval.promptId, value, BOB), JSON.stringify(value)).toMatchObject(forbidden);
    }
    for (const value of [...asked.options!, null])
      expect(session.answerDialog(asked.dialogId, value, BOB), JSON.stringify(value)).toMatchObject(forbidden);
    expect(log.all('approval_cleared')).toEqual([]);
    session.answerDialog(approval.promptId, 'deny', owner);
    await log.next('agent_end', 3);

    await sends(test, owner, call('plan_mode', { action: 'submit', title: 'Bake' }));
    const { plan } = await log.next('plan_pending');
    for (const value of ['approve', true, 'reject', 'less salt', { action: 'edit', text: 'x' }, null])
      expect(session.answerDialog(plan.toolCallId, value, BOB), JSON.stringify(value)).toMatchObject(forbidden);
    session.answerDialog(plan.toolCallId, 'reject', owner);
    await log.next('agent_end', 4);

    const other = await start({ linked });
    await sends(other, owner, '/demo question confirm');
    const { dialogId } = await other.log.next('dialog_opened');
    for (const by of [BOB, EVE]) expect(other.session.answerDialog(dialogId, true, by)).toMatchObject(forbidden);
    expect(other.session.answerDialog(dialogId, true, owner)).toBe('resolved');
    // What is not open any more is late, as for everybody.
    expect(other.session.answerDialog(dialogId, true, BOB)).toBe('late');
  });

  it('with a link to approve: this one call and this plan, and nothing of it is remembered', async () => {
    const test = await start({ approvals: 'ask', linked });
    const { session, log } = test;
    const wanted = async (n: number) => {
      await sends(test, owner, call('bash', { command: 'touch a' }));
      const { approval } = await log.next('approval_pending', n);
      const step = await log.next('dialog_opened', n);
      return { id: approval.promptId, step };
    };
    const first = await wanted(1);
    for (const value of ['session', 'folder', { action: 'edit', text: 'x' }])
      expect(session.answerDialog(first.id, value, EVE)).toMatchObject(forbidden);
    const [once, inSession, inFolder, deny] = first.step.options!;
    for (const value of [inSession, inFolder])
      expect(session.answerDialog(first.step.dialogId, value, EVE)).toMatchObject(forbidden);
    expect(session.answerDialog(first.step.dialogId, once, EVE)).toBe('resolved');
    await log.next('agent_end');
    expect(existsSync(join(test.cwd, 'a'))).toBe(true);

    const second = await wanted(2);
    expect(session.answerDialog(second.step.dialogId, deny, EVE)).toBe('resolved');
    await log.next('agent_end', 2);
    const third = await wanted(3);
    expect(session.answerDialog(third.id, { action: 'deny', reason: 'not now' }, EVE)).toBe('resolved');
    await log.next('agent_end', 3);
    expect(last(test, 'toolResult')).toContain('not now');
    expect(existsSync(join(test.agentDir, 'pizzapi-approvals.json'))).toBe(false);

    await sends(test, owner, call('plan_mode', { action: 'submit', title: 'Bake' }));
    const { plan } = await log.next('plan_pending');
    expect(session.answerDialog(plan.toolCallId, { action: 'edit', text: 'Burn it' }, EVE)).toMatchObject(forbidden);
    const { dialogId, options } = await log.next('dialog_opened', 4);
    expect(session.answerDialog(dialogId, options![1], EVE)).toMatchObject(forbidden);
    expect(session.answerDialog(plan.toolCallId, 'approve', EVE)).toBe('resolved');
    await log.next('agent_end', 4);
    expect(last(test, 'toolResult')).toContain('approved the plan');
  });

  it('is no plan of a child that its parent asks people about as a question', async () => {
    const test = await start({ linked });
    await say(test, call('spawn_session', { prompt: 'x', name: 'Baker, for a person' }));
    const { sessionId: kid } = await test.log.next('session_spawn');
    await test.log.next('agent_end');
    const args = { triggerId: 't1', kind: 'plan_review', sessionId: kid, payload: { plan: { title: 'Bake' } } };
    const trigger = { commandId: 'l1', name: 'session_trigger', args, by: { userId: 'ann', via: 'agent' } };
    await test.session.fromLinked({ ...trigger, at: 0, expiresAt: Infinity, sessionId: 'p' } as never);
    await test.log.next('agent_end', 2);
    await say(test, call('escalate_trigger', { triggerId: 't1' }));
    const { question } = await test.log.next('question_pending');
    expect(test.session.answerDialog(question.toolCallId, 'approve', BOB)).toMatchObject(forbidden);
    expect(test.session.answerDialog(question.toolCallId, 'approve', EVE)).toBe('resolved');
    // And the agent does not approve it in a guest's stead.
    const trigger2 = { ...trigger, commandId: 'l2', args: { ...args, triggerId: 't2' } };
    await test.session.fromLinked({ ...trigger2, at: 0, expiresAt: Infinity, sessionId: 'p' } as never);
    await test.log.until(() => read(test).some((text) => text.includes('t2')));
    await expect.poll(() => test.session.state().isStreaming).toBe(false);
    await sends(test, BOB, call('respond_to_trigger', { triggerId: 't2', response: 'approve' }));
    await test.log.until(() => last(test, 'toolResult').includes('may not approve'));
    expect(test.log.all('trigger_response').map(({ triggerId }) => triggerId)).toEqual(['t1']);
  });
});

describe('what an agent does in the turn of a guest', () => {
  const spawned = ({ log }: TestSession) =>
    log.all('session_spawn').map(({ guests = [] }) => guests.map(({ name }) => name).sort());

  it('is theirs from their word on, until the owner speaks', async () => {
    const test = await start({ linked });
    const { log, session } = test;
    const runs = (n: number) => log.next('agent_end', n);
    await sends(test, owner, spawn('1'));
    await runs(1);
    await sends(test, BOB, spawn('2'));
    await runs(2);
    expect(log.all('session_spawn')[1]!.guests).toEqual([ref('Bob')]);
    await sends(test, owner, spawn('3'));
    await runs(3);
    // A turn of the owner in which a guest has answered a question.
    await sends(test, owner, ask(OVEN));
    const { question } = await log.next('question_pending');
    await sends(test, owner, spawn('4'), 'followUp');
    session.answerDialog(question.toolCallId, 'Wood', BOB);
    await runs(4);
    await sends(test, owner, ask(OVEN));
    const second = (await log.next('question_pending', 2)).question;
    // Steered by a guest, then by another: both are part of it.
    await sends(test, BOB, spawn('5'));
    session.answerDialog(second.toolCallId, 'Wood', EVE);
    await runs(5);
    expect(spawned(test)).toEqual([[], ['Bob'], [], [], ['Bob', 'Eve']]);
  });

  it('is not theirs for having let it pass, and is for having said what they want instead', async () => {
    const test = await start({ approvals: 'ask', linked });
    const answered = async (n: number, value: unknown) => {
      await sends(test, owner, spawn());
      const { approval } = await test.log.next('approval_pending', n);
      test.session.answerDialog(approval.promptId, value, EVE);
      await test.log.next('agent_end', n);
      return test.session;
    };
    await answered(1, 'approve');
    expect(spawned(test)).toEqual([[]]);
    await answered(2, { action: 'deny', reason: 'start another one instead' });
    expect(test.log.all('guests_at_work')[0]).toMatchObject({ guests: [ref('Eve')] });
  });

  it('is theirs when they answer what was asked before a restart', async () => {
    const before = await start({ linked });
    await sends(before, owner, ask(OVEN));
    const { question } = await before.log.next('question_pending');
    await before.session.dispose();
    const after = await again(before, { linked });
    await after.log.next('question_pending');
    expect(after.session.answerDialog(question.toolCallId, 'Wood', BOB)).toBe('resolved');
    await after.log.next('agent_end');
    expect(after.log.all('guests_at_work')[0]).toMatchObject({ guests: [ref('Bob')] });
  });

  it('is theirs in what it says to others, and where they hear of it', async () => {
    const test = await start({ linked });
    await sends(test, owner, spawn());
    await test.log.next('agent_end');
    const { sessionId } = test.log.all('session_spawn')[0]!;
    await sends(test, BOB, call('tell_child', { sessionId, text: 'hurry' }));
    expect(await test.log.next('session_message')).toMatchObject({ guests: [ref('Bob')] });

    const child = await start({ linked: { sessionId: 'c', parentSessionId: 'p' } });
    const by: Author = { userId: 'ann', via: 'agent', guests: [ref('Bob')] };
    const told = { name: 'session_message', args: { from: 'p', text: spawn('grandchild') }, by, at: 0 };
    await child.session.fromLinked({ ...told, commandId: 'l1', expiresAt: Infinity, sessionId: 'c' } as never);
    await child.log.next('agent_end');
    expect(child.log.all('session_spawn')).toMatchObject([{ guests: [ref('Bob')] }]);
    expect(await child.log.next('session_trigger')).toMatchObject({ kind: 'session_complete', guests: [ref('Bob')] });
    // What somebody tells it that is no guest's is not Bob's.
    const plain = { ...told, by: { userId: 'ann', via: 'agent' }, commandId: 'l2' };
    await child.session.fromLinked({ ...plain, expiresAt: Infinity, sessionId: 'c' } as never);
    await child.log.next('agent_end', 2);
    expect(child.log.all('session_spawn')[1]).not.toHaveProperty('guests');
  });

  it('of a session that a guest had started is theirs, whoever but an account begins it', async () => {
    const test = await start({ linked: { sessionId: 'c', parentSessionId: 'p', startedBy: [ref('Bob')] } });
    const agent: Author = { userId: 'ann', via: 'agent' };
    await sends(test, { ...agent, guests: [ref('Bob')] }, spawn('1'));
    await test.log.next('agent_end');
    await sends(test, agent, spawn('2'));
    await test.log.next('agent_end', 2);
    await sends(test, owner, spawn('3'));
    await test.log.next('agent_end', 3);
    expect(spawned(test)).toEqual([['Bob'], ['Bob'], []]);
  });

  it('is said in the log while it lasts', async () => {
    const test = await start({ linked });
    await sends(test, owner, 'hi');
    await test.log.next('agent_end');
    expect(test.log.all('guests_at_work')).toEqual([]);
    await sends(test, BOB, 'hi');
    await test.log.next('guests_at_work', 2);
    expect(test.log.all('guests_at_work').map(({ guests }) => guests)).toEqual([[ref('Bob')], []]);
  });
});
