import { bucket, publishRunnerEvent, type SessionWriter } from '@pizzapi/backbone';
import { TRIGGER_ANSWER_MS, type Command, type SessionEvent } from '@pizzapi/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LinkedSessionsHarness } from '../testing/linkedSessionsHarness.js';
import { ProjectorHarness } from '../testing/projectorHarness.js';

let harness: ProjectorHarness;
let linked: LinkedSessionsHarness;
let skew = 0;

beforeEach(async () => {
  skew = 0;
  harness = await ProjectorHarness.open();
  linked = new LinkedSessionsHarness(harness);
  await linked.runner('r1');
  await linked.runner('r2');
});
afterEach(async () => {
  await linked.close();
  await harness.close();
});

const orchestrate = () => linked.orchestrate({ orchestrator: { now: () => Date.now() + skew } });

const answered = (writer: SessionWriter, { commandId, name }: Command, error?: { code: string; message: string }) =>
  writer.append({
    ...{ type: 'command_result', at: Date.now(), commandId, name, ok: error === undefined },
    ...(error === undefined ? {} : { error }),
  });

const asks = (triggerId: string): SessionEvent => ({
  ...{ type: 'session_trigger', at: Date.now(), triggerId, kind: 'ask_user_question', payload: { questions: [] } },
});

describe('linked sessions', () => {
  it('hear of each other through their hosts, and of what became of what they sent', async () => {
    const { metrics } = await orchestrate();
    const parent = await linked.session('p', 'r1');
    const child = await linked.child(parent, 'c', 'r2');
    expect((await linked.receipt('r1', 'n_c', 'delivered')).sessionId).toBe('p');

    await child.append(asks('t'));
    const trigger = await linked.command('session_trigger', 'r1');
    expect(trigger).toMatchObject({ sessionId: 'p', by: { userId: 'owner', via: 'agent' }, args: { sessionId: 'c' } });
    await answered(parent, trigger);
    expect((await linked.receipt('r2', 't', 'delivered')).sessionId).toBe('c');

    await parent.append({ type: 'trigger_response', at: Date.now(), triggerId: 't', response: 'Gas', to: 'c' });
    const response = await linked.command('trigger_response', 'r2');
    expect(response.args).toEqual({ triggerId: 't', response: 'Gas' });
    await answered(child, response, { code: 'trigger_late', message: 'Somebody answered first.' });
    await linked.receipt('r1', 't', 'late');

    await parent.append({ type: 'cleanup_child_session', at: Date.now(), sessionId: 'c' });
    expect((await linked.command('kill_session', 'r2')).sessionId).toBe('c');
    // Counted once the server has confirmed it, which its host may hear of first.
    await expect.poll(() => metrics.render()).toContain('pizzapi_links_commands_total{command="kill_session"} 1');
    expect(await metrics.render()).toContain('pizzapi_links_receipts_total{outcome="late"} 1');
  });

  it('send each thing once, however often it is said', async () => {
    await orchestrate();
    const parent = await linked.session('p', 'r1');
    const child = await linked.child(parent, 'c', 'r2');
    await child.append(asks('t'));
    await child.append(asks('t'));
    await child.append(asks('last'));
    await linked.command('session_trigger', 'r1', ({ args }) => args.triggerId === 'last');
    expect(linked.all('session_trigger', 'r1').map(({ args }) => args.triggerId)).toEqual(['t', 'last']);
    expect(linked.all('new_session', 'r2')).toHaveLength(1);
  });

  it('lose nothing while nobody carries over, neither facts nor what is waited for', async () => {
    const { projector: first } = await orchestrate();
    const parent = await linked.session('p', 'r1');
    const child = await linked.child(parent, 'c', 'r2');
    await child.append(asks('before'));
    const before = await linked.command('session_trigger', 'r1');
    await first.stop();
    await child.append(asks('meanwhile'));
    await answered(parent, before);
    await orchestrate();
    await linked.command('session_trigger', 'r1', ({ args }) => args.triggerId === 'meanwhile');
    await linked.receipt('r2', 'before', 'delivered');
    expect(linked.all('session_trigger', 'r1')).toHaveLength(2);
  });

  it('are told that what they sent waits for its host, and that it came too late', async () => {
    await orchestrate();
    const parent = await linked.session('p', 'r1');
    const child = await linked.child(parent, 'c', 'r2');
    await linked.receipt('r1', 'n_c', 'delivered');
    await child.append(asks('t'));
    await linked.command('session_trigger', 'r1');
    skew = 10_000;
    await linked.receipt('r2', 't', 'queued');
    skew = TRIGGER_ANSWER_MS + 60_000;
    expect((await linked.receipt('r2', 't', 'late')).args.error).toMatchObject({ code: 'command_expired' });
  });

  it('hear from the runner why a child did not start, and have no link to it', async () => {
    await orchestrate();
    const parent = await linked.session('p', 'r1');
    await parent.append({
      ...{ type: 'session_spawn', at: 1, spawnId: 'n', sessionId: 'c', prompt: 'x', runnerId: 'r2', cwd: '/nowhere' },
    });
    const { commandId } = await linked.command('new_session', 'r2');
    const error = { code: 'cwd_not_found', message: 'There is no folder /nowhere.' };
    await publishRunnerEvent(harness.backbone, 'r2', { type: 'command_result', at: 1, commandId, ok: false, error });
    expect((await linked.receipt('r1', 'n', 'failed')).args.error).toEqual(error);
    await parent.append({ type: 'session_message', at: 1, from: 'p', to: 'c', text: 'x', messageId: 'm' });
    await linked.receipt('r1', 'm', 'failed');
  });
});

describe('authority', () => {
  it('is by what the orchestrator made and the grants say, never by what a log says of itself', async () => {
    await linked.runner('evil', 'eve');
    await orchestrate();
    const parent = await linked.session('p', 'r1');
    await linked.child(parent, 'c', 'r2');
    // Says it is a child, and is of another person; then one of the same person that nobody has started.
    const eve = await linked.session('e', 'evil', { userId: 'eve', parentSessionId: 'p' });
    const liar = await linked.session('l', 'r2', { parentSessionId: 'p' });
    await eve.append(asks('t1'));
    await liar.append(asks('t2'));
    await eve.append({ type: 'session_message', at: 1, from: 'p', to: 'c', text: 'rm -rf', messageId: 'm1' });
    await eve.append({ type: 'cleanup_child_session', at: 1, sessionId: 'c' });
    await eve.append({
      ...{ type: 'session_spawn', at: 1, spawnId: 'n1', sessionId: 'mine', prompt: 'rm -rf', runnerId: 'r1' },
    });
    await eve.append({ type: 'session_spawn', at: 1, spawnId: 'n2', sessionId: 'c', prompt: 'x' });
    for (const id of ['t1', 'm1', 'c', 'n1', 'n2']) await linked.receipt('evil', id, 'failed');
    await linked.receipt('r2', 't2', 'failed');
    expect(linked.all('session_trigger', 'r1')).toEqual([]);
    expect([...linked.all('session_message', 'r2'), ...linked.all('kill_session', 'r2')]).toEqual([]);
    expect([...linked.all('new_session', 'r1'), ...linked.all('new_session', 'evil')]).toEqual([]);
  });

  it('ends with the link, from either side', async () => {
    await orchestrate();
    const parent = await linked.session('p', 'r1');
    const children = [await linked.child(parent, 'c', 'r2'), await linked.child(parent, 'd', 'r2')];
    await children[0]!.append({ type: 'delink_own_parent', at: 1 });
    expect((await linked.command('session_unlinked', 'r1')).args).toEqual({ sessionId: 'c' });
    await parent.append({ type: 'delink_children', at: 1 });
    expect((await linked.command('session_unlinked', 'r2')).sessionId).toBe('d');
    for (const [index, child] of children.entries()) {
      await child.append(asks(`t${index}`));
      await linked.receipt('r2', `t${index}`, 'failed');
    }
    expect(linked.all('session_unlinked', 'r2')).toHaveLength(1);
  });
});

describe('the end of a child', () => {
  const ended = (reason: 'host_lost' | 'killed'): SessionEvent => ({ type: 'session_ended', at: Date.now(), reason });
  const ends = () => linked.all('session_trigger', 'r1').filter(({ args }) => args.triggerId.startsWith('e_'));

  it('is told to its parent, unless it was told or wanted', async () => {
    await orchestrate();
    const parent = await linked.session('p', 'r1');
    const silent = await linked.child(parent, 'silent', 'r2');
    const done = await linked.child(parent, 'done', 'r2');
    const unwanted = await linked.child(parent, 'unwanted', 'r2');

    for (const child of [done, silent]) await child.append({ type: 'agent_start', at: 1 });
    await done.append({ type: 'session_trigger', at: 1, triggerId: 'd', kind: 'session_complete' });
    await done.append(ended('host_lost'));
    await parent.append({ type: 'cleanup_child_session', at: 1, sessionId: 'unwanted' });
    await answered(unwanted, await linked.command('kill_session', 'r2'));
    await unwanted.append(ended('killed'));
    await silent.append(ended('host_lost'));

    const told = await linked.command('session_trigger', 'r1', ({ args }) => args.sessionId === 'silent');
    expect(told.args).toMatchObject({ kind: 'session_error', payload: { reason: 'host_lost' } });
    expect(ends()).toHaveLength(1);
  });
});

it('leaves no row of what is over', async () => {
  await orchestrate();
  const parent = await linked.session('p', 'r1');
  const child = await linked.child(parent, 'c', 'r2');
  await child.append(asks('t'));
  await answered(parent, await linked.command('session_trigger', 'r1'));
  await linked.receipt('r2', 't', 'delivered');
  await linked.receipt('r1', 'n_c', 'delivered');
  const rows = bucket(harness.backbone, 'projector');
  while ((await rows.keys('await.')).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await rows.keys('child.')).toEqual(['child.c']);
});
