import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventProblem, type SessionEvent } from '@pizzapi/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openTestSession, type TestSession } from '../testKit.js';
import type { OpenOptions } from '../types.js';

const owner = { userId: 'ann', via: 'owner' } as const;
const open: TestSession[] = [];
const folders: string[] = [];
let commands = 0;

async function start(options: Partial<OpenOptions> = {}): Promise<TestSession> {
  vi.stubEnv('PIZZAPI_DEMO_SPEED', 'instant');
  const session = await openTestSession(options);
  open.push(session);
  return session;
}

/** The next process: the same file, opened again. */
function again({ session, cwd, agentDir }: TestSession, options: Partial<OpenOptions> = {}): Promise<TestSession> {
  return start({ cwd, agentDir, sessionFile: session.sessionFile!, model: undefined, ...options });
}

/** Stops a session without the good manners of `dispose`: nothing is told, nothing is written. */
async function crash({ session, log }: TestSession): Promise<void> {
  const file = session.sessionFile!;
  const text = readFileSync(file, 'utf8');
  const seen = log.events.length;
  await session.dispose();
  log.events.length = seen;
  writeFileSync(file, text);
}

/** A configuration with one extension of the person. */
function withExtension(body: string): string {
  const agentDir = mkdtempSync(join(tmpdir(), 'pizzapi-agent-'));
  folders.push(agentDir);
  mkdirSync(join(agentDir, 'extensions'));
  writeFileSync(join(agentDir, 'extensions', 'mine.ts'), `export default (pi) => { ${body} };`);
  return agentDir;
}

const say = ({ session }: TestSession, text: string) => session.prompt({ commandId: `c${++commands}`, text });
const call = (tool: string, args: object) => `/demo call ${tool} ${JSON.stringify(args)}`;

/** The text of the last message of a role. */
function last({ log }: TestSession, role: string): string {
  const { message } = log.all('message_end').findLast((end) => end.message.role === role)!;
  const content = message.content as string | { type: string; text?: string }[];
  return typeof content === 'string' ? content : content.map((block) => block.text ?? '').join('');
}

/** Makes the model call a tool, and waits for the end of its run. */
async function run(test: TestSession, tool: string, args: object): Promise<{ text: string; isError: boolean }> {
  const runs = test.log.all('agent_end').length;
  await say(test, call(tool, args));
  await test.log.next('agent_end', runs + 1);
  return { text: last(test, 'toolResult'), isError: test.log.all('tool_execution_end').at(-1)!.isError };
}

const ask = (...questions: object[]) => call('ask_user_question', { questions });
const OVEN = { question: 'Which oven?', options: ['Wood', 'Gas'] };

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const { log } of open) expect(log.events.map(eventProblem).filter((problem) => problem)).toEqual([]);
  await Promise.all(open.splice(0).map((session) => session.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('a question of the agent', () => {
  it('is answered through its dialogs, and the model reads the answers', async () => {
    const test = await start();
    const { session, log } = test;
    await say(test, ask(OVEN, { question: 'Its name?' }));
    const first = await log.next('dialog_opened');
    const { question } = await log.next('question_pending');
    expect(question.questions).toEqual([OVEN, { question: 'Its name?', options: [] }]);
    expect(first).toMatchObject({ method: 'select', title: '(1/2) Which oven?' });
    expect(session.answerDialog(first.dialogId, 'Something else…', owner)).toBe('resolved');
    const own = await log.next('dialog_opened', 2);
    session.answerDialog(own.dialogId, 'Solar', owner);
    const second = await log.next('dialog_opened', 3);
    expect(second).toMatchObject({ method: 'input', title: '(2/2) Its name?' });
    session.answerDialog(second.dialogId, 'Quattro', owner);
    await log.next('agent_end');
    expect(log.all('question_cleared')).toMatchObject([{ toolCallId: question.toolCallId }]);
    expect(last(test, 'toolResult')).toBe('The person answered:\n- Which oven?\n  Solar\n- Its name?\n  Quattro');
    expect(last(test, 'assistant')).toContain('Quattro');
  });

  it('is answered by its own id as well: the first valid answer wins and closes the dialog', async () => {
    const test = await start();
    const { session, log } = test;
    await say(test, ask(OVEN));
    const { dialogId } = await log.next('dialog_opened');
    const { toolCallId } = (await log.next('question_pending')).question;
    expect(session.answerDialog(toolCallId, 7, owner)).toBe('invalid');
    expect(session.answerDialog(toolCallId, 'Gas', owner)).toBe('resolved');
    expect(session.answerDialog(toolCallId, 'Wood', owner)).toBe('late');
    await log.next('agent_end');
    expect(session.answerDialog(dialogId, 'Wood', owner)).toBe('late');
    expect(log.all('dialog_resolved')).toMatchObject([{ dialogId, outcome: 'cancelled' }]);
    expect(last(test, 'toolResult')).toBe('The person answered: Gas');
  });

  it('is cancelled by an abort, and closed by a person or by its time-out', async () => {
    const test = await start();
    const { session, log } = test;
    await say(test, ask(OVEN));
    await log.next('dialog_opened');
    expect(await session.abort()).toEqual({ kind: 'ok' });
    expect(log.all('question_cleared')).toHaveLength(1);
    expect(session.state()).toMatchObject({ isStreaming: false, openDialogs: 0 });

    await say(test, ask(OVEN));
    const { dialogId } = await log.next('dialog_opened', 2);
    session.answerDialog(dialogId, null, owner);
    await log.next('agent_end', 2);
    expect(last(test, 'toolResult')).toContain('closed the question');

    await say(test, call('ask_user_question', { questions: [OVEN], timeoutSeconds: 0.05 }));
    const { expiresAt, at } = await log.next('dialog_opened', 3);
    expect(expiresAt! - at).toBeLessThanOrEqual(50);
    await log.next('agent_end', 3);
    expect(log.all('dialog_resolved').at(-1)).toMatchObject({ outcome: 'timed_out' });
    expect(last(test, 'toolResult')).toContain('Nobody answered in time');
  });

  it.each([
    ['stopped', (test: TestSession) => test.session.dispose()],
    ['killed', crash],
  ])('is asked again under its id after the process was %s, and the answer arrives', async (_how, stop) => {
    const before = await start();
    await say(before, ask(OVEN));
    await before.log.next('dialog_opened');
    const { question } = await before.log.next('question_pending');
    await stop(before);
    expect(before.log.all('question_cleared')).toEqual([]);

    const after = await again(before);
    expect(after.log.all('question_pending').map((event) => event.question)).toEqual([question]);
    const { dialogId } = await after.log.next('dialog_opened');
    expect(after.session.answerDialog(dialogId, 'Wood', owner)).toBe('resolved');
    await after.log.next('agent_end');
    expect(after.log.all('question_cleared')).toMatchObject([{ toolCallId: question.toolCallId }]);
    expect(last(after, 'user')).toBe(
      'This answers what you asked before you were interrupted ("Which oven?").\n\nThe person answered: Wood',
    );
    const third = await again(after);
    expect(third.log.all('question_pending')).toEqual([]);
  });

  it('takes an answer that came while nobody was there to hear it', async () => {
    const before = await start();
    await say(before, ask(OVEN));
    const { toolCallId } = (await before.log.next('question_pending')).question;
    await before.session.dispose();
    const after = await again(before);
    expect(after.session.answerDialog(toolCallId, 'Gas', owner)).toBe('resolved');
    await after.log.next('agent_end');
    expect(last(after, 'user')).toContain('The person answered: Gas');
  });

  it('is seen again once a newer one beside it is answered', async () => {
    const before = await start();
    await say(before, ask(OVEN));
    const first = (await before.log.next('question_pending')).question.toolCallId;
    await before.session.dispose();
    const after = await again(before);
    await say(after, ask({ question: 'Its name?' }));
    const second = (await after.log.next('question_pending', 2)).question.toolCallId;
    after.session.answerDialog(second, 'Quattro', owner);
    expect((await after.log.next('question_pending', 3)).question.toolCallId).toBe(first);
    await after.log.next('agent_end');
    after.session.answerDialog(first, 'Gas', owner);
    await after.log.next('agent_end', 2);
    expect(after.log.all('question_cleared').map((event) => event.toolCallId)).toEqual([second, first]);
  });

  it('waits on when the extensions are loaded anew', async () => {
    const agentDir = withExtension(`pi.registerCommand('anew', { handler: (_args, ctx) => ctx.reload() })`);
    const test = await start({ agentDir });
    await say(test, ask(OVEN));
    const { toolCallId } = (await test.log.next('question_pending')).question;
    await say(test, '/anew');
    expect((await test.log.next('question_pending', 2)).question.toolCallId).toBe(toolCallId);
    expect(test.log.all('question_cleared')).toEqual([]);
    await test.log.next('agent_end');
    test.session.answerDialog(toolCallId, 'Gas', owner);
    await test.log.next('agent_end', 2);
    expect(last(test, 'user')).toContain('The person answered: Gas');
  });

  it('is not asked again when the session ended for good', async () => {
    const before = await start();
    await say(before, ask(OVEN));
    await before.log.next('dialog_opened');
    await before.session.dispose({ forGood: true });
    expect(before.log.all('question_cleared')).toHaveLength(1);
    const after = await again(before);
    expect(after.log.all('question_pending')).toEqual([]);
  });

  it('stays with its session: a fork does not ask it', async () => {
    const before = await start();
    await say(before, ask(OVEN));
    await before.log.next('dialog_opened');
    const fork = before.session.fork();
    if (fork.kind === 'failed') throw new Error(fork.error.message);
    const forked = await again(before, { sessionFile: fork.sessionFile! });
    expect(forked.log.all('question_pending')).toEqual([]);
  });
});

describe('the to-do list', () => {
  const todos = [{ text: 'Knead', status: 'done' }, { text: 'Bake' }];

  it('is shown, read by the model and there again after a restart', async () => {
    const before = await start();
    const { text, isError } = await run(before, 'todo', { todos });
    expect({ text, isError }).toEqual({ text: '[x] 1. Knead\n[ ] 2. Bake', isError: false });
    const { todoList } = await before.log.next('todo_updated');
    expect(todoList).toEqual([
      { id: 1, text: 'Knead', status: 'done' },
      { id: 2, text: 'Bake', status: 'pending' },
    ]);
    await before.session.dispose();
    const after = await again(before);
    expect(after.log.all('todo_updated').map((event) => event.todoList)).toEqual([todoList]);
    expect((await run(after, 'todo', {})).text).toBe(text);
  });
});

describe('plan mode', () => {
  it('blocks what writes, lets through what reads, and ends with an approved plan', async () => {
    const test = await start();
    const { session, log, cwd } = test;
    writeFileSync(join(cwd, 'pizza.md'), 'dough');
    await say(test, '/plan');
    expect(await log.next('plan_mode_toggled')).toMatchObject({ enabled: true });
    const written = await run(test, 'write', { path: 'new.md', content: 'x' });
    expect(written).toMatchObject({ isError: true });
    expect(written.text).toContain('Plan mode is on');
    expect(existsSync(join(cwd, 'new.md'))).toBe(false);
    expect(await run(test, 'bash', { command: 'rm pizza.md' })).toMatchObject({ isError: true });
    expect(existsSync(join(cwd, 'pizza.md'))).toBe(true);
    expect(await run(test, 'bash', { command: 'ls | grep pizza' })).toEqual({ text: 'pizza.md\n', isError: false });

    await say(test, call('plan_mode', { action: 'submit', title: 'Bake', steps: [{ title: 'Knead' }] }));
    const { plan } = await log.next('plan_pending');
    expect(plan).toMatchObject({ title: 'Bake', steps: [{ title: 'Knead' }] });
    await log.until(() => log.all('dialog_opened').some((event) => event.method === 'select'));
    const { dialogId } = log.all('dialog_opened').findLast((event) => event.method === 'select')!;
    session.answerDialog(dialogId, 'Approve', owner);
    await log.next('plan_cleared');
    await log.next('agent_end', 4);
    expect(last(test, 'toolResult')).toContain('approved the plan');
    expect(log.all('plan_mode_toggled').at(-1)).toMatchObject({ enabled: false });
    expect(await run(test, 'bash', { command: 'rm pizza.md' })).toMatchObject({ isError: false });
    expect(existsSync(join(cwd, 'pizza.md'))).toBe(false);
  });

  it('lets a plan be rewritten, changed or refused', async () => {
    const test = await start();
    const { session, log } = test;
    await say(test, '/plan on');
    const submit = async (n: number) => {
      await say(test, call('plan_mode', { action: 'submit', title: 'Bake' }));
      return (await log.next('plan_pending', n)).plan.toolCallId;
    };
    await submit(1);
    const select = () => log.all('dialog_opened').findLast((event) => event.method === 'select')?.dialogId;
    await log.until(() => select() !== undefined);
    session.answerDialog(select()!, 'Edit…', owner);
    await log.until(() => log.all('dialog_opened').some((event) => event.method === 'editor'));
    const editor = log.all('dialog_opened').at(-1)!;
    expect(editor.prefill).toBe('# Bake');
    session.answerDialog(editor.dialogId, '# Boil', owner);
    await log.next('agent_end');
    expect(last(test, 'toolResult')).toContain('# Boil');
    expect(log.all('plan_mode_toggled').at(-1)).toMatchObject({ enabled: false });

    await say(test, '/plan on');
    session.answerDialog(await submit(2), 'use less salt', owner);
    await log.next('agent_end', 2);
    expect(last(test, 'toolResult')).toContain('use less salt');
    session.answerDialog(await submit(3), 'reject', owner);
    await log.next('agent_end', 3);
    expect(last(test, 'toolResult')).toContain('did not approve');
    expect(log.all('plan_mode_toggled').at(-1)).toMatchObject({ enabled: true });
  });

  it('is still on after a restart, with the plan that waits', async () => {
    const before = await start();
    await say(before, '/plan on');
    await say(before, call('plan_mode', { action: 'submit', title: 'Bake' }));
    const { toolCallId } = (await before.log.next('plan_pending')).plan;
    await crash(before);
    const after = await again(before);
    expect(after.log.all('plan_mode_toggled')).toMatchObject([{ enabled: true }]);
    expect(after.log.all('plan_pending')).toMatchObject([{ plan: { toolCallId } }]);
    after.session.answerDialog(toolCallId, 'approve', owner);
    await after.log.next('agent_end');
    expect(after.log.all('plan_mode_toggled').at(-1)).toMatchObject({ enabled: false });
    expect(last(after, 'user')).toContain('the plan "Bake" that you submitted');
  });
});

describe('approvals', () => {
  const pending = (test: TestSession, n = 1) => test.log.next('approval_pending', n);

  it('are not asked for unless they are wanted', async () => {
    const test = await start();
    expect(await run(test, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
    expect(test.log.all('approval_pending')).toEqual([]);
  });

  it('a denied call is an error that tells the model why', async () => {
    const test = await start({ approvals: 'ask' });
    const { session, log, cwd } = test;
    await say(test, call('bash', { command: 'touch a' }));
    const { approval } = await pending(test);
    expect(approval).toMatchObject({ toolName: 'bash', fields: [{ key: 'command', value: 'touch a' }] });
    const { dialogId, options } = await log.next('dialog_opened');
    expect(options).toContain('Always allow in this folder: bash "touch a"');
    session.answerDialog(dialogId, 'Deny, and say why…', owner);
    session.answerDialog((await log.next('dialog_opened', 2)).dialogId, 'no files here', owner);
    await log.next('agent_end');
    expect(log.all('approval_cleared')).toMatchObject([{ promptId: approval.promptId }]);
    expect(log.all('tool_execution_end')[0]).toMatchObject({ isError: true });
    expect(last(test, 'toolResult')).toContain('The person denied it: no files here');
    expect(existsSync(join(cwd, 'a'))).toBe(false);
  });

  it('hold for this call, for the session, or for the folder', async () => {
    const test = await start({ approvals: 'ask' });
    const answered = async (command: string, n: number, action: string) => {
      const runs = test.log.all('agent_end').length;
      await say(test, call('bash', { command }));
      test.session.answerDialog((await pending(test, n)).approval.promptId, action, owner);
      await test.log.next('agent_end', runs + 1);
    };
    await answered('touch a', 1, 'approve');
    await answered('touch a', 2, 'session');
    await answered('touch b', 3, 'folder');
    for (const command of ['touch a', 'touch b', 'ls']) {
      expect(await run(test, 'bash', { command })).toMatchObject({ isError: false });
    }
    expect(test.log.all('approval_pending')).toHaveLength(3);

    await test.session.dispose();
    const resumed = await again(test, { approvals: 'ask' });
    expect(await run(resumed, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
    const other = await start({ cwd: test.cwd, agentDir: test.agentDir, approvals: 'ask' });
    expect(await run(other, 'bash', { command: 'touch b' })).toMatchObject({ isError: false });
    await say(other, call('bash', { command: 'touch a' }));
    await pending(other);
  });

  it('are wanted for as long as a person says so', async () => {
    const before = await start();
    await run(before, 'ls', {});
    await say(before, '/approvals ask');
    await before.log.until(() => before.log.all('dialog_opened').some((event) => event.method === 'notify'));
    await before.session.dispose();
    const after = await again(before);
    await say(after, call('bash', { command: 'touch a' }));
    const { promptId } = (await pending(after)).approval;
    after.session.answerDialog(promptId, 'deny', owner);
    await after.log.next('agent_end');
    await say(after, '/approvals allow');
    expect(await run(after, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
  });

  it('cannot be given by the agent to itself', async () => {
    const test = await start();
    const path = join(test.agentDir, 'pizzapi-approvals.json');
    expect(await run(test, 'write', { path, content: '{}' })).toMatchObject({ isError: true });
    expect(existsSync(path)).toBe(false);
  });

  it('that come after a restart let exactly that call through', async () => {
    const before = await start({ approvals: 'ask' });
    await say(before, call('bash', { command: 'touch a' }));
    const { promptId } = (await pending(before)).approval;
    await before.session.dispose();
    const after = await again(before, { approvals: 'ask' });
    after.session.answerDialog(promptId, 'approve', owner);
    // What the model does next is another call, and needs an approval of its own.
    const other = (await pending(after, 2)).approval;
    expect(other.fields).not.toMatchObject([{ value: 'touch a' }]);
    after.session.answerDialog(other.promptId, 'approve', owner);
    await after.log.next('agent_end');
    expect(last(after, 'user')).toContain('make it again');
    expect(await run(after, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
    await say(after, call('bash', { command: 'touch a' }));
    await pending(after, 3);
  });
});

describe('the goal', () => {
  it('is counted turn by turn until the model says that it is met', async () => {
    const test = await start();
    const { log } = test;
    await say(test, '/goal bake a pizza --max-turns 9');
    await log.next('agent_end');
    expect(log.all('goal_updated')[0]!.goal).toMatchObject({
      description: 'bake a pizza',
      status: 'active',
      maxTurns: 9,
    });
    expect(log.all('goal_updated').at(-1)!.goal!.turnCount).toBe(2);
    expect(log.all('goal_updated').at(-1)!.goal!.tokenSpend).toBeGreaterThan(0);
    await run(test, 'goal', { status: 'met', reason: 'it is eaten' });
    expect(log.all('goal_updated').at(-1)!.goal).toMatchObject({ status: 'met', lastReason: 'it is eaten' });
    expect(await run(test, 'goal', { status: 'failed', reason: 'x' })).toMatchObject({ isError: true });
  });

  it('stops the agent at its limit', async () => {
    const test = await start();
    await say(test, '/goal bake --max-turns 1');
    await test.log.next('agent_end');
    expect(test.log.all('goal_updated').at(-1)!.goal).toMatchObject({ status: 'failed', turnCount: 1 });
    expect(test.log.all('message_end').at(-1)!.message).toMatchObject({ stopReason: 'aborted' });
  });
});

it('an MCP adapter that says how its servers started is passed on, nonsense is not', async () => {
  const report = { errors: [{ server: 'files', error: 'not found' }], totalDurationMs: 12 };
  const said = JSON.stringify({ type: 'mcp_startup_report', ...report });
  const agentDir = withExtension(`pi.on('session_start', () => {
    pi.events.emit('mcp:startup_report', { errors: 'many' });
    pi.events.emit('mcp:startup_report', ${said});
  })`);
  const { log } = await start({ agentDir });
  expect(log.all('mcp_startup_report').map((event) => event.report)).toEqual([report]);
});

it('all of it can be switched off', async () => {
  const test = await start({ human: false });
  expect(await run(test, 'todo', { todos: [] })).toEqual({ text: 'Tool todo not found', isError: true });
  const types: SessionEvent['type'][] = test.log.events.map((event) => event.type);
  expect(types).not.toContain('todo_updated');
});
