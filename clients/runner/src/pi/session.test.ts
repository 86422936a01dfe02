import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventProblem } from '@pizzapi/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openPiSession } from './open.js';
import { openTestSession, type TestSession } from './testKit.js';
import type { OpenOptions } from './types.js';

const owner = { userId: 'ann', via: 'owner' } as const;
const open: TestSession[] = [];
const folders: string[] = [];

async function start(speed: string, options: Partial<OpenOptions> = {}): Promise<TestSession> {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', speed);
  const session = await openTestSession(options);
  open.push(session);
  return session;
}

afterEach(async () => {
  vi.unstubAllEnvs();
  // The last first: it may work in the folders of one before it, which go with that one.
  for (const session of open.splice(0).reverse()) await session.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('a turn of the demo model', () => {
  it('is told in order, each message under one id and with the entry of the file', async () => {
    const { session, log } = await start('instant');
    expect(await session.submitInput({ commandId: 'c1', text: 'hello' })).toEqual({ kind: 'ok' });
    await log.next('agent_end');
    const first = log.types().indexOf('agent_start');
    expect(log.types().slice(first)).toEqual([
      'agent_start',
      'turn_start',
      'message_start',
      'input_delivered',
      'message_end',
      'message_start',
      'message_end',
      'token_usage_updated',
      'tool_execution_start',
      'tool_execution_end',
      'message_start',
      'message_end',
      'turn_end',
      'turn_start',
      'message_start',
      'message_end',
      'token_usage_updated',
      'turn_end',
      'agent_end',
    ]);
    expect(log.events.map(eventProblem).filter((problem) => problem !== undefined)).toEqual([]);
    const ends = log.all('message_end');
    expect(log.all('message_start').map((e) => e.messageId)).toEqual(ends.map((e) => e.messageId));
    expect(ends.map((e) => e.message.role)).toEqual(['user', 'assistant', 'toolResult', 'assistant']);
    const lines = readFileSync(session.sessionFile!, 'utf8').trim().split('\n');
    const ids = lines
      .map((line) => JSON.parse(line) as { type: string; id: string; message?: { role: string } })
      // pi 1.x writes the prompt of its agent as a message too.
      .filter(({ type, message }) => type === 'message' && message?.role !== 'system');
    expect(ends.map((e) => e.entryId)).toEqual(ids.map((e) => e.id));
    expect(log.all('token_usage_updated').at(-1)!.tokenUsage.cost).toBeGreaterThan(0);
  });

  it('comes in pieces that add up to what message_end says', async () => {
    const { session, log } = await start('5000');
    await session.submitInput({ commandId: 'c1', text: '/demo bash' });
    await log.next('agent_end');
    await session.submitInput({ commandId: 'c2', text: '/demo thinking' });
    await log.next('agent_end', 2);
    let blocks = 0;
    for (const { messageId, message } of log.all('message_end').filter((e) => e.message.role === 'assistant')) {
      for (const [index, block] of (message.content as { type: string; [key: string]: unknown }[]).entries()) {
        blocks++;
        if (block.type === 'text') expect(log.pieces('text_delta', messageId, index)).toBe(block['text']);
        else if (block.type === 'thinking')
          expect(log.pieces('thinking_delta', messageId, index)).toBe(block['thinking']);
        else expect(JSON.parse(log.pieces('toolcall_delta', messageId, index))).toEqual(block['arguments']);
      }
    }
    expect(blocks).toBe(5);
    expect(log.deltas.filter((delta) => delta.type === 'thinking_delta').length).toBeGreaterThan(1);
    const { toolCallId, result } = await log.next('tool_execution_end');
    const output = (result as { content: { text: string }[] }).content[0]!.text;
    expect(log.pieces('tool_output_delta', toolCallId).trimEnd()).toBe(output.trimEnd());
    expect(output).toContain('slice 12 of 12');
  });

  it('sends no more than 1.1 × the text in facts and 1.6 × in pieces', async () => {
    const { session, log } = await start('fast');
    await session.submitInput({ commandId: 'c1', text: '/demo long 64000' });
    await log.next('agent_end');
    const end = log.all('message_end').find((e) => e.message.role === 'assistant')!;
    expect((end.message.content as { text: string }[])[0]!.text).toHaveLength(64_000);
    const size = (items: object[]) => JSON.stringify(items).length;
    expect(size(log.events)).toBeLessThan(64_000 * 1.1);
    expect(size(log.deltas)).toBeLessThan(64_000 * 1.6);
    expect(log.deltas.length).toBeGreaterThan(2);
  });

  it('edits a file and reports the diff', async () => {
    const { session, log, cwd } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo edit' });
    await log.next('agent_end');
    const [, edit] = log.all('tool_execution_end');
    expect(edit).toMatchObject({ toolName: 'edit', isError: false });
    expect((edit!.result as { details: { diff: string } }).details.diff).toContain('olive oil');
    expect(readFileSync(join(cwd, 'pizzapi-demo.md'), 'utf8')).toContain('olive oil');
  });

  it('is the same for the same prompt', async () => {
    const said = async () => {
      const { session, log } = await start('instant');
      await session.submitInput({ commandId: 'c1', text: 'the same' });
      await log.next('agent_end');
      return log
        .all('message_end')
        .filter((e) => e.message.role === 'assistant')
        .map((e) => e.message.content)
        .map((content) => JSON.stringify(content).replaceAll(/demo_\w+/g, ''));
    };
    expect(await said()).toEqual(await said());
  });

  it('makes a picture and looks at it', async () => {
    const { session, log } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo image' });
    await log.next('agent_end');
    const read = log.all('message_end').findLast((e) => e.message.role === 'toolResult')!;
    expect(read.message.content).toContainEqual(expect.objectContaining({ type: 'image', mimeType: 'image/png' }));
  });
});

describe('what people do while the agent works', () => {
  it('an abort ends the answer with what was said so far', async () => {
    const { session, log } = await start('human');
    await session.submitInput({ commandId: 'c1', text: '/demo thinking' });
    await log.until(() => log.deltas.length > 2);
    const open = session.openBlocks().open[0]!;
    expect(await session.abort()).toEqual({ kind: 'ok' });
    const end = log.all('message_end').at(-1)!;
    expect(end.message).toMatchObject({ role: 'assistant', stopReason: 'aborted' });
    expect(open.messageId).toBe(end.messageId);
    const [block] = end.message.content as { thinking: string }[];
    expect(block!.thinking).toBe(log.pieces('thinking_delta', end.messageId, 0));
    expect(block!.thinking.startsWith((open.blocks[0] as { text: string }).text)).toBe(true);
    expect(log.types().at(-1)).toBe('agent_end');
    expect(session.openBlocks()).toEqual({ open: [], tools: [] });
  });

  it('an abort does not wait for a question that nobody answers', async () => {
    const { session, log } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo question' });
    await log.next('dialog_opened');
    expect(await session.abort()).toEqual({ kind: 'ok' });
    expect(log.all('dialog_opened')).toHaveLength(1);
    expect(log.all('dialog_resolved')).toHaveLength(1);
    expect(session.state().isStreaming).toBe(false);
  });

  it('steering and follow-ups are queued, shown, and delivered in their turn', async () => {
    const { session, log } = await start('fast');
    await session.submitInput({ commandId: 'c1', text: '/demo bash' });
    await log.next('tool_execution_start');
    await session.submitInput({ commandId: 'c3', text: 'later', deliverAs: 'followUp' });
    await session.submitInput({ commandId: 'c2', text: 'look here', deliverAs: 'prompt' });
    expect(session.state().queue).toEqual({ steering: ['look here'], followUp: ['later'] });
    await log.next('agent_end');
    expect(log.all('input_delivered').map((e) => e.commandId)).toEqual(['c1', 'c2', 'c3']);
    expect(log.all('queue_update').at(-1)).toMatchObject({ steering: [], followUp: [] });
    expect(log.all('queue_update')[1]).toMatchObject({ steering: ['look here'], followUp: ['later'] });
  });

  it('two prompts at once both arrive', async () => {
    const { session, log } = await start('instant');
    const both = ['a', 'b'].map((id) => session.submitInput({ commandId: id, text: `/demo help ${id}` }));
    expect(await Promise.all(both)).toEqual([{ kind: 'ok' }, { kind: 'ok' }]);
    await log.next('input_delivered', 2);
    expect(log.all('input_delivered').map((e) => e.commandId)).toEqual(['a', 'b']);
  });

  it('an empty prompt is refused by name', async () => {
    const { session } = await start('instant');
    expect(await session.submitInput({ commandId: 'c1', text: '  ' })).toMatchObject({
      error: { code: 'input_empty' },
    });
  });

  it('models, thinking levels and names change, and the settings of the person do not', async () => {
    const { session, log, agentDir } = await start('instant');
    expect(await session.setModel('nobody/nothing')).toMatchObject({ error: { code: 'model_unknown' } });
    expect(session.setThinkingLevel('high')).toEqual({ kind: 'ok', level: 'high' });
    expect(session.setName('Pizza')).toEqual({ kind: 'ok' });
    expect(log.all('thinking_level_changed').at(-1)!.level).toBe('high');
    expect(log.all('session_info_changed').at(-1)!.name).toBe('Pizza');
    expect(existsSync(join(agentDir, 'settings.json'))).toBe(false);
  });

  it('another model with a key takes over, and the demo tools stay with the demo model', async () => {
    vi.stubEnv('ANTHROPIC_API_KEY', 'none');
    const { session, log } = await start('instant');
    const model = session.state().models.find((m) => m.model.startsWith('anthropic/'))!.model;
    expect(await session.setModel(model)).toEqual({ kind: 'ok', model });
    expect(log.all('model_select').at(-1)).toMatchObject({ model, previousModel: 'demo/demo' });
    expect(log.all('model_changed').at(-1)!.model).toMatchObject({ provider: 'anthropic' });
    expect(log.all('auth_source_changed').at(-1)!.source).toBe('environment');
  });
});

describe('questions', () => {
  it('the first valid answer wins, a wrong one is refused, a late one told so', async () => {
    const { session, log } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo question select' });
    const { dialogId, options } = await log.next('dialog_opened');
    expect(options).toContain('Gas');
    expect(session.answerDialog(dialogId, 'Microwave', owner)).toBe('invalid');
    expect(session.answerDialog('d_other', 'Gas', owner)).toBe('unknown');
    expect(session.answerDialog(dialogId, 'Gas', owner)).toBe('resolved');
    expect(session.answerDialog(dialogId, 'Wood', owner)).toBe('late');
    await log.next('agent_end');
    expect(log.all('dialog_resolved')).toMatchObject([{ dialogId, value: 'Gas', by: owner, outcome: 'answered' }]);
    expect(JSON.stringify(log.all('message_end').at(-1)!.message)).toContain('oven: Gas');
  });

  it('a question with a time-out closes by itself', async () => {
    const { session, log } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo question confirm 20' });
    const { dialogId, expiresAt, at } = await log.next('dialog_opened');
    expect(expiresAt).toBe(at + 20);
    await log.next('agent_end');
    expect(log.all('dialog_resolved')).toMatchObject([{ dialogId, outcome: 'timed_out' }]);
    expect(session.answerDialog(dialogId, true, owner)).toBe('late');
  });

  it('a plan is pending until it is answered, and a to-do list is worked off', async () => {
    const { session, log } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo plan' });
    const { dialogId } = await log.next('dialog_opened');
    expect(log.all('plan_pending')).toHaveLength(1);
    session.answerDialog(dialogId, 'Approve', owner);
    await log.next('agent_end');
    expect(log.all('plan_cleared')[0]!.toolCallId).toBe(log.all('plan_pending')[0]!.plan.toolCallId);
    await session.submitInput({ commandId: 'c2', text: '/demo todo' });
    await log.next('agent_end', 2);
    expect(
      log
        .all('todo_updated')
        .at(-1)!
        .todoList.every((item) => item.status === 'done'),
    ).toBe(true);
  });
});

describe('failures of the provider', () => {
  it('are retried by pi, and every step shows', async () => {
    const { session, log } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo error' });
    const { attempt, errorMessage } = await log.next('auto_retry_start');
    expect(attempt).toBe(1);
    expect(errorMessage).toContain('overloaded');
    expect(log.all('retry_state_changed').at(-1)!.state).toMatchObject({ errorMessage });
    await session.abort();
    expect(await log.next('auto_retry_end')).toMatchObject({ success: false, finalError: 'Retry cancelled' });
    expect(log.all('retry_state_changed').at(-1)!.state).toBeNull();
  });

  it('are over when one attempt succeeds', async () => {
    const agentDir = mkdtempSync(join(tmpdir(), 'pizzapi-agent-'));
    folders.push(agentDir);
    writeFileSync(join(agentDir, 'settings.json'), '{"retry":{"baseDelayMs":1}}');
    const { session, log } = await start('instant', { agentDir });
    await session.submitInput({ commandId: 'c1', text: '/demo error' });
    expect(await log.next('auto_retry_end')).toMatchObject({ success: true, attempt: 2 });
    const roles = log.all('message_end').map(({ message }) => (message as { stopReason?: string }).stopReason);
    expect(roles).toEqual([undefined, 'error', 'error', 'stop']);
    expect(log.all('retry_state_changed').at(-1)!.state).toBeNull();
    await log.next('agent_end', 3);
  });

  it('that cannot be retried end the turn with their message', async () => {
    const { session, log } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo error fatal' });
    await log.next('agent_end');
    expect(log.all('message_end').at(-1)!.message).toMatchObject({
      stopReason: 'error',
      errorMessage: expect.stringContaining('refuses') as string,
    });
    expect(log.all('auto_retry_start')).toEqual([]);
  });
});

describe('a shell command of a person', () => {
  it('streams and is kept in the session', async () => {
    const { session, log, cwd } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo help' });
    await log.next('agent_end');
    const outcome = await session.exec('echo one; pwd; exit 3', 'exec_1');
    expect(outcome).toEqual({ kind: 'ok', output: `one\n${cwd}\n`, exitCode: 3, cancelled: false, truncated: false });
    expect(log.pieces('tool_output_delta', 'exec_1')).toBe(`one\n${cwd}\n`);
    const end = log.all('message_end').at(-1)!;
    expect(end).toMatchObject({
      messageId: 'exec_1',
      message: { role: 'bashExecution', command: 'echo one; pwd; exit 3' },
    });
    expect(end.entryId).toMatch(/^[0-9a-f]{8}$/);
    expect(readFileSync(session.sessionFile!, 'utf8')).toContain('"bashExecution"');
    expect(session.openBlocks()).toEqual({ open: [], tools: [] });
  });

  it('says that the host was stopped when it is disposed of at work, and not when it ends for good', async () => {
    const { session, log } = await start('slow');
    await session.submitInput({ commandId: 'c1', text: '/demo markdown' });
    await log.next('message_start', 2);
    await session.dispose();
    const types = log.types();
    expect(types.indexOf('run_interrupted')).toBeGreaterThan(types.indexOf('agent_start'));
    expect(types.lastIndexOf('message_end')).toBeGreaterThan(types.indexOf('run_interrupted'));
    const other = await start('slow');
    await other.session.submitInput({ commandId: 'c1', text: '/demo markdown' });
    await other.log.next('message_start', 2);
    await other.session.dispose({ permanently: true });
    expect(other.log.all('run_interrupted')).toEqual([]);
  });

  it('ends in the log when the session is disposed of', async () => {
    const { session, log } = await start('instant');
    void session.exec('echo started; sleep 60', 'exec_1');
    await log.until(() => log.pieces('tool_output_delta', 'exec_1') !== '');
    await session.dispose();
    expect(log.events.at(-1)).toMatchObject({ type: 'message_end', messageId: 'exec_1', message: { cancelled: true } });
    expect(await session.submitInput({ commandId: 'c1', text: 'x' })).toMatchObject({
      error: { code: 'session_ended' },
    });
  });

  it('stops on abort, and is the only one', async () => {
    const { session, log } = await start('instant');
    const running = session.exec('echo started; sleep 60', 'exec_1');
    await log.until(() => log.pieces('tool_output_delta', 'exec_1') !== '');
    expect(await session.exec('echo two', 'exec_2')).toMatchObject({ error: { code: 'command_failed' } });
    await session.abort();
    expect(await running).toMatchObject({ kind: 'ok', cancelled: true });
  });
});

describe('the file', () => {
  it('is continued, forked before a message, and compacted', async () => {
    const settings = mkdtempSync(join(tmpdir(), 'pizzapi-agent-'));
    folders.push(settings);
    writeFileSync(join(settings, 'settings.json'), '{"compaction":{"keepRecentTokens":100}}');
    const { session, log, cwd, agentDir } = await start('instant', { agentDir: settings });
    await session.submitInput({ commandId: 'c1', text: '/demo help' });
    await log.next('agent_end');
    await session.submitInput({ commandId: 'c2', text: '/demo long 3000' });
    await log.next('agent_end', 2);
    const second = log.all('message_end').findLast(({ message }) => message.role === 'user')!;
    const fork = session.fork(second.entryId!);
    expect(fork).toMatchObject({ kind: 'ok', text: '/demo long 3000' });
    expect(session.fork(log.all('message_end')[1]!.entryId!)).toMatchObject({ error: { code: 'command_invalid' } });
    const compacted = await session.compact();
    expect(compacted).toMatchObject({ kind: 'ok' });
    expect(log.all('compaction_end')).toMatchObject([
      { reason: 'manual', result: { summary: expect.any(String) as string } },
    ]);
    expect(log.all('compact_ended')).toHaveLength(1);

    const file = (fork as { sessionFile: string }).sessionFile;
    const again = await start('instant', { cwd, agentDir, sessionFile: file, model: undefined });
    expect(again.session.model()).toBe('demo/demo');
    expect(again.session.sessionFile).toBe(file);
    expect(again.log.all('token_usage_updated')[0]!.tokenUsage.output).toBeGreaterThan(0);
    await again.session.submitInput({ commandId: 'c1', text: '/demo help' });
    await again.log.next('agent_end');
    expect(readFileSync(file, 'utf8').match(/"role":"assistant"/g)).toHaveLength(2);
  });

  it('lies where pi looks for it, and nothing is said on stdout', async () => {
    const write = vi.spyOn(process.stdout, 'write');
    const { session, log, cwd, agentDir } = await start('instant');
    await session.submitInput({ commandId: 'c1', text: '/demo help' });
    await log.next('agent_end');
    const folder = `--${cwd.slice(1).replaceAll('/', '-')}--`;
    expect(session.sessionFile).toContain(join(agentDir, 'sessions', folder));
    expect(write).not.toHaveBeenCalled();
    write.mockRestore();
  });
});

describe('opening', () => {
  const sink = { event: () => undefined, delta: () => undefined };

  it('is refused by name for a folder, model or file that is not there', async () => {
    const { agentDir, cwd } = await start('instant');
    const refused = async (options: Partial<OpenOptions>) => {
      const outcome = await openPiSession({ cwd, agentDir, sink, ...options });
      return outcome.kind === 'refused' ? outcome.error.code : outcome.kind;
    };
    expect(await refused({ cwd: join(cwd, 'missing') })).toBe('cwd_not_found');
    expect(await refused({ cwd: import.meta.filename })).toBe('cwd_not_a_folder');
    expect(await refused({ model: 'demo/other' })).toBe('model_unknown');
    expect(await refused({ model: 'anthropic/claude-opus-4-5' })).toBe('model_unauthenticated');
    expect(await refused({ sessionFile: join(cwd, 'missing.jsonl') })).toBe('file_not_found');
    expect(await refused({ sessionFile: import.meta.filename })).toBe('file_invalid');
  });
});
