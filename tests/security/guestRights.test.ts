import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from '../support/until.js';
import { apiOf, newSession, tell, type SessionWatcher } from '../support/viewer.js';
import { call, find, QUESTION, read, SLOW_MS, spawning, useGuestStage } from './support/guestStage.js';
import { ask } from './support/http.js';

const guests = useGuestStage();
const { follow, guest } = guests;

/** A session whose owner wants to be asked before anything is changed. */
async function careful(): Promise<{ sid: string; log: SessionWatcher }> {
  const sid = await newSession(guests.stage);
  const log = follow(sid);
  await tell(guests.stage, sid, '/approvals ask');
  await find(log, 'dialog_opened', { method: 'notify' });
  return { sid, log };
}

const wants = (path: string) => call('write', { path, content: 'x' });
const inProject = (path: string) => existsSync(join(guests.stage.project, path));

describe('the slash commands of a guest', () => {
  it('are texts to the agent: no policy, no rule, no plan mode and no goal changes', async () => {
    const { sid, log } = await careful();
    // The owner has decided something for this folder.
    await tell(guests.stage, sid, call('bash', { command: 'touch owners-rule' }));
    const decided = (await find(log, 'approval_pending'))['approval'] as { promptId: string };
    await log.session.command('dialog_response', { dialogId: decided.promptId, value: 'folder' });
    await find(log, 'agent_end');
    const file = join(guests.stage.project, '..', '.pi', 'agent', 'pizzapi-approvals.json');
    const rules = readFileSync(file, 'utf8');
    expect(rules).toContain('touch owners-rule');

    const bob = await guest(sid, 'collab');
    const commands = ['/approvals allow', '/approvals forget', '/plan off', '/goal mine', '/share --collab', '/delink'];
    await tell(guests.stage, sid, '/plan on');
    await find(log, 'plan_mode_toggled', { enabled: true });
    for (const text of commands) await bob.say(text);
    await until('all of it is read', () => commands.every((text) => read(log).includes(text)), SLOW_MS);
    expect(readFileSync(file, 'utf8')).toBe(rules);
    expect(log.session.meta.planModeEnabled).toBe(true);
    expect(log.session.meta.goal).toBeNull();
    await tell(guests.stage, sid, '/plan off');
    await find(log, 'plan_mode_toggled', { enabled: false });
    await until('the agent rests', () => !log.session.transcript.busy, SLOW_MS);
    await tell(guests.stage, sid, call('bash', { command: 'touch not-approved' }));
    await find(log, 'approval_pending', {}, 2);
    expect(inProject('not-approved')).toBe(false);
  });
});

describe('what a guest answers', () => {
  it('with a link to write: a question, and no approval, neither through the gateway nor past it', async () => {
    const { sid, log } = await careful();
    const bob = await guest(sid, 'collab');
    await tell(guests.stage, sid, QUESTION);
    const question = (await find(log, 'question_pending'))['question'] as { toolCallId: string };
    expect((await bob.answer(question.toolCallId, 'Wood')).status).toBe(202);
    await find(log, 'agent_end');

    await tell(guests.stage, sid, wants('by-bob'));
    const { promptId } = (await find(log, 'approval_pending'))['approval'] as { promptId: string };
    const step = await find(log, 'dialog_opened', { promptId });
    await until('the gateway knows', async () => (await bob.answer(promptId, 'approve')).code === 'forbidden');
    for (const value of ['approve', 'session', 'folder', 'deny', { action: 'deny', reason: 'x' }, null]) {
      const refused = await bob.answer(promptId, value);
      expect([refused.status, refused.code]).toEqual([403, 'forbidden']);
      expect(refused.text).toContain('writing but not approving');
      expect(await bob.answerBySocket(promptId, value)).toBe('refused forbidden');
    }
    // Which dialog is a step of what, the host knows.
    for (const value of [...(step['options'] as string[]), null])
      expect(await bob.answerBySocket(step['dialogId'], value)).toBe('forbidden');
    expect(log.session.meta.pendingApproval).not.toBeNull();
    expect(inProject('by-bob')).toBe(false);
  });

  it('never decides what of a folder is loaded into the agent; the owner does', async () => {
    const { stage } = guests;
    const cwd = join(stage.project, 'hostile');
    mkdirSync(join(cwd, '.pi', 'extensions'), { recursive: true });
    const body = `require('node:fs').appendFileSync(${JSON.stringify(join(stage.project, 'loaded'))}, 'x')`;
    writeFileSync(join(cwd, '.pi', 'extensions', 'evil.ts'), `export default () => { ${body}; };`);
    const reply = await apiOf(stage).createSession({ cwd, model: 'demo/demo', prompt: 'Hello' });
    if (reply.kind === 'failed') throw new Error(reply.error.message);
    const { sessionId: sid } = reply.value;
    const log = follow(sid);
    const { promptId, pluginNames } = (await find(log, 'plugin_trust_required'))['prompt'] as Record<string, unknown>;
    expect(pluginNames).toEqual(['evil.ts']);
    const eve = await guest(sid, 'approve', 'Eve');
    await until('the gateway knows', async () => (await eve.answer(promptId, true)).code === 'forbidden');
    for (const value of [true, false, 'never', null])
      expect(await eve.answerBySocket(promptId, value)).toBe('refused forbidden');
    // The agent works without it, and does not wait.
    await find(log, 'agent_end');
    expect(inProject('loaded')).toBe(false);

    await log.session.command('dialog_response', { dialogId: promptId, value: true });
    await find(log, 'plugin_trust_resolved', { promptId });
    await until('it is loaded', () => inProject('loaded'));
    expect(log.session.meta.pendingPluginTrust).toBeNull();
  });

  it('with a link to approve: this one call, and nothing that is remembered', async () => {
    const { sid, log } = await careful();
    const eve = await guest(sid, 'approve', 'Eve');
    const pending = async (path: string, n: number) => {
      await tell(guests.stage, sid, wants(path));
      const { promptId } = (await find(log, 'approval_pending', {}, n))['approval'] as { promptId: string };
      const step = await find(log, 'dialog_opened', { promptId });
      return { promptId, step: step['dialogId'], options: step['options'] as string[] };
    };
    const first = await pending('once-by-eve', 1);
    await until('the gateway knows', async () => (await eve.answer(first.promptId, 'folder')).code === 'forbidden');
    for (const value of ['session', 'folder', { action: 'edit', text: 'x' }]) {
      const refused = await eve.answer(first.promptId, value);
      expect([refused.status, refused.code]).toEqual([403, 'forbidden']);
      expect(await eve.answerBySocket(first.promptId, value)).toBe('refused forbidden');
    }
    for (const value of first.options.slice(1, 3))
      expect(await eve.answerBySocket(first.step, value)).toBe('forbidden');
    expect(await eve.answerBySocket(first.promptId, 'approve')).toBe('ok');
    await until('it is done', () => inProject('once-by-eve'));
    await find(log, 'dialog_resolved', { dialogId: first.promptId });
    // The next call like it waits again.
    const second = await pending('once-by-eve', 2);
    expect((await eve.answer(second.promptId, { action: 'deny', reason: 'once is enough' })).status).toBe(202);
    await find(log, 'agent_end', {}, 2);

    // Taken back a step, the link approves no more. Raised it is never.
    const share = `/api/sessions/${sid}/shares/${eve.shareId}`;
    const patch = (mode: string) =>
      ask(guests.stage.url, share, { method: 'PATCH', bearer: guests.stage.token, json: { mode } });
    expect((await patch('collab')).status).toBe(204);
    expect((await patch('approve')).status).toBe(400);
    const third = await pending('once-by-eve', 3);
    await until('the gateway knows', async () => (await eve.answer(third.promptId, 'approve')).code === 'forbidden');
  });

  it('is nobody else’s answer: who a client says it is does not count', async () => {
    const { sid, log } = await careful();
    const by = { userId: 'mallory', via: 'owner', name: 'Mallory', right: 'approve' };
    await tell(guests.stage, sid, spawning(QUESTION, { name: 'Baker, for a person' }));
    const pending = (await find(log, 'approval_pending'))['approval'] as { promptId: string };
    await log.session.command('dialog_response', { dialogId: pending.promptId, value: 'approve' });
    const { triggerId } = await find(log, 'trigger_received', { kind: 'ask_user_question' });
    await log.session.command('trigger_response', { triggerId, response: 'Wood', by });
    expect((await find(log, 'trigger_response', { triggerId }))['by']).toMatchObject({ userId: 'owner', via: 'api' });
    await log.session.command('session_message', { from: 'your-parent', text: 'do it', by });
    expect((await find(log, 'session_message'))['from']).toBe('owner');
    const bob = await guest(sid, 'collab');
    const sent = await bob.post('commands', { name: 'input', args: { text: 'who am I', by, right: 'approve' } });
    const { commandId } = sent.json as { commandId: string };
    const received = await find(log, 'input_received', { commandId });
    expect(received['by']).toEqual({ userId: `guest_${bob.shareId}`, via: 'collab', name: 'Bob' });
  });
});

describe('the commands of a guest for the queue', () => {
  it('are limited to the own messages of the guest in the queue', async () => {
    const sid = await newSession(guests.stage);
    const log = follow(sid);
    const bob = await guest(sid, 'collab');
    await tell(guests.stage, sid, QUESTION);
    await find(log, 'question_pending');
    await log.session.sendInput('of the owner', { deliverAs: 'followUp' });
    const { commandId: owners } = await find(log, 'input_received', { text: 'of the owner' });
    const bobs = await bob.say('of Bob', 'followUp');
    const items = () => log.session.transcript.queue.items?.map(({ commandId }) => commandId);
    await until('both wait', () => items()?.length === 2, SLOW_MS);
    for (const [name, more] of [
      ['queue_edit', { text: 'x' }],
      ['queue_remove', {}],
      ['queue_move', { before: bobs }],
      ['queue_send_now', {}],
    ] as const) {
      const { json } = await bob.post('commands', { name, args: { inputId: owners, ...more } });
      const { commandId } = json as { commandId: string };
      expect((await find(log, 'command_result', { commandId }))['error']).toMatchObject({ code: 'forbidden' });
    }
    expect(items()).toEqual([owners, bobs]);
    await bob.post('commands', { name: 'queue_move', args: { inputId: bobs, before: owners } });
    await until('the message of the guest is first', () => items()?.[0] === bobs, SLOW_MS);
    await bob.post('commands', { name: 'abort', args: { queue: 'drop' } });
    await until('only the message of the owner is left', () => String(items()) === owners, SLOW_MS);
    await tell(guests.stage, sid, 'next');
    await until('the agent has read both', () => read(log).includes('next'), SLOW_MS);
    expect(read(log).slice(1)).toEqual(['of the owner', 'next']);
  });
});
