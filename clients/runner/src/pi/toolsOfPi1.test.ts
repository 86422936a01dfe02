import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTranscript, foldTranscript, type ToolBlock } from '@pizzapi/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import {
  again,
  call,
  last,
  owner,
  run,
  say,
  start,
  tidyUpAfterEach,
  withExtension,
  withSettings,
} from '../testing/human.js';
import { IS_PI_1, type TestSession } from './testKit.js';
import { readStatus } from './versions/mcpStart.js';
import { recordsUsage } from './versions/usageEntries.js';

tidyUpAfterEach();

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const SERVER = fileURLToPath(new URL('../testing/mcpServer.mjs', import.meta.url));
const server = (...args: string[]) => ({ command: process.execPath, args: [SERVER, ...args] });

/** A configuration with scripts of calls, and these MCP servers. */
function withMcp(mcpServers: object, settings: object = {}): string {
  const agentDir = withSettings({ defaultTools: ['+codemode', '+tool_search'], ...settings });
  writeFileSync(join(agentDir, 'mcp.json'), JSON.stringify({ mcpServers }));
  return agentDir;
}

const script = (code: string) => call('codemode', { code });

/** The card of the script, as viewers show it. */
function card({ log }: TestSession): ToolBlock {
  const t = foldTranscript(
    createTranscript(),
    log.events.map((event, index) => [index + 1, event] as const),
  );
  const blocks = t.items.flatMap((item) => (item.kind === 'message' ? item.blocks : []));
  expect(t.items.filter(({ kind }) => kind === 'tool')).toEqual([]);
  return blocks.find((block): block is ToolBlock => block.kind === 'tool' && block.toolName === 'codemode')!;
}

/** Runs a script, and answers the approvals that it asks for. */
async function runScript(test: TestSession, code: string, answers: string[] = []): Promise<string> {
  const runs = test.log.all('agent_end').length;
  const before = test.log.all('approval_pending').length;
  await say(test, script(code));
  for (const [n, answer] of answers.entries()) {
    const { approval } = await test.log.next('approval_pending', before + n + 1);
    test.session.answerDialog(approval.promptId, answer, owner);
  }
  await test.log.next('agent_end', runs + 1);
  return last(test, 'toolResult');
}

describe.runIf(IS_PI_1)('the tools that pi 1.x brings', () => {
  it('run scripts, whose calls are shown with their output in the card of the script, also from an old file', async () => {
    const test = await start({ agentDir: withMcp({}) });
    const text = await runScript(
      test,
      `const a = await tools.bash({ command: 'echo one; echo two' }); try { await tools.read({ path: 'no-such' }) } catch {} return a.output`,
    );
    expect(text).toContain('one\ntwo');
    const shown = card(test);
    expect(shown).toMatchObject({
      state: 'done',
      nested: [
        { toolName: 'bash', depth: 1, state: 'done', args: { command: 'echo one; echo two' } },
        { toolName: 'read', depth: 1, state: 'failed', args: { path: 'no-such' } },
      ],
    });
    expect(test.log.pieces('tool_output_delta', shown.nested![0]!.toolCallId)).toBe('one\ntwo\n');
    const old = foldTranscript(
      createTranscript(),
      test.session.history().map((event, index) => [index + 1, event] as const),
    );
    const blocks = old.items.flatMap((item) => (item.kind === 'message' ? item.blocks : []));
    expect(blocks.find((block) => block.kind === 'tool')).toMatchObject({
      nested: [
        { toolName: 'bash', state: 'done', args: { command: 'echo one; echo two' } },
        { toolName: 'read', state: 'failed' },
      ],
    });
  });

  it('ask for the calls of a script as for any other, and hold to what plan mode allows', async () => {
    const test = await start({ agentDir: withMcp({}), approvals: 'ask' });
    const touch = (name: string) => `return (await tools.bash({ command: 'touch ${name}' })).exit_code`;
    expect(await runScript(test, touch('a'), ['approve'])).toContain('Script completed');
    expect(test.log.all('approval_pending').at(-1)?.approval).toMatchObject({ toolName: 'bash' });
    expect(existsSync(join(test.cwd, 'a'))).toBe(true);
    expect(await runScript(test, touch('b'), ['deny'])).toContain('denied');
    expect(existsSync(join(test.cwd, 'b'))).toBe(false);
    expect(card(test).nested).toMatchObject([{ state: 'done' }]);
    test.session.modes?.setPlanMode(true);
    expect(await runScript(test, touch('c'))).toContain('Plan mode is on');
    expect(await runScript(test, `return (await tools.bash({ command: 'ls' })).output`)).toContain('a\n');
    expect(existsSync(join(test.cwd, 'c'))).toBe(false);
  });

  it('are asked for in the turn of a guest, too, which the call of a script belongs to', async () => {
    const test = await start({ agentDir: withMcp({}), approvals: 'ask' });
    const guest = { userId: 'guest_s1', via: 'collab', name: 'Gil' } as const;
    await test.session.submitInput({
      commandId: 'g1',
      by: guest,
      text: script(`return await tools.bash({ command: 'touch g' })`),
    });
    expect((await test.log.next('approval_pending')).approval).toMatchObject({ toolName: 'bash' });
    expect(test.log.all('guests_at_work').at(-1)?.guests).toHaveLength(1);
    expect(existsSync(join(test.cwd, 'g'))).toBe(false);
  });

  it('are switched off by the settings of the person', async () => {
    const test = await start({ agentDir: withMcp({}, { extensions: ['-builtin:codemode'] }) });
    expect(await run(test, 'codemode', { code: 'return 1' })).toMatchObject({ isError: true });
  });

  it('connect the MCP servers of the person, say how they started, and none of a folder that is not trusted', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'pizzapi-mcp-'));
    folders.push(cwd);
    const mark = join(cwd, 'mark');
    mkdirSync(join(cwd, '.pi'));
    writeFileSync(join(cwd, '.pi', 'mcp.json'), JSON.stringify({ mcpServers: { theirs: server('run', mark) } }));
    const agentDir = withMcp({
      sums: { ...server(), exposure: 'direct' },
      cold: server('fail'),
      off: { ...server(), enabled: false },
      wrong: { command: 7 },
    });
    const test = await start({ cwd, agentDir });
    const { report } = await test.log.next('mcp_startup_report');
    expect(report.serverTimings).toMatchObject([
      { name: 'sums', toolCount: 1, timedOut: false },
      { name: 'cold', toolCount: 0, timedOut: false },
    ]);
    expect(report.errors?.map(({ server: name }) => name)).toEqual(['mcp.json', 'cold']);
    expect(report.errors?.[0]?.error).toContain('wrong');
    expect(report.errors?.[1]?.error).toMatch(/\S/);
    expect(await run(test, 'mcp__sums__add', { a: 2, b: 3 })).toEqual({ text: 'sum 5', isError: false });
    expect(existsSync(mark)).toBe(false);
  });
});

describe.runIf(IS_PI_1)('what a session of pi 1.x has used', () => {
  it('has what tools used and what pi recorded beside the messages, when it happens and after a restart', async () => {
    const cost = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 5 };
    const usage = JSON.stringify({ input: 1_000_000, output: 0, cacheRead: 0, cacheWrite: 0, totalTokens: 0, cost });
    const agentDir = withExtension(
      `pi.registerTool({ name: 'judge', label: '', description: '', parameters: { type: 'object', properties: {} },
         execute: async () => ({ content: [], details: {}, usage: ${usage} }) });
       pi.registerCommand('warm', { description: '', handler: async (_args, ctx) =>
         void ctx.sessionManager.appendUsage('cache_warm', 'demo', 'demo', ${usage}) });`,
    );
    const test = await start({ agentDir });
    await run(test, 'judge', {});
    const used = ({ log }: TestSession) => log.all('token_usage_updated').at(-1)!.tokenUsage;
    expect(Math.floor(used(test).cost)).toBe(5);
    await say(test, '/warm');
    await run(test, 'judge', {});
    expect(Math.floor(used(test).cost)).toBe(15);
    expect(Math.floor(used(test).input / 1_000_000)).toBe(3);
    await test.session.dispose();
    const resumed = await again(test);
    expect(used(resumed).cost).toBeCloseTo(used(test).cost);
  });

  it('is reported again when pi records a use', () => {
    expect(recordsUsage(JSON.parse('{"type":"entry_appended","entry":{"type":"usage"}}') as { type: string })).toBe(
      true,
    );
    expect(recordsUsage(JSON.parse('{"type":"entry_appended","entry":{"type":"custom"}}') as { type: string })).toBe(
      false,
    );
  });
});

it('what /mcp says of the servers is read, whatever their names and errors are', () => {
  const text = [
    'docs: connected, 12 tools (codemode)',
    'a: b: failed (direct)',
    '    Request timed out',
    '    after 10 s',
    'box: needs sign-in, run /mcp login box (codemode)',
    'off: disabled (codemode)',
    'config error: /x/mcp.json: no JSON',
  ].join('\n');
  const report = readStatus(text, new Map([['docs', 7]]), 6_000)!;
  expect(report.serverTimings).toEqual([
    { name: 'docs', durationMs: 7, toolCount: 12, timedOut: false },
    { name: 'a: b', durationMs: 6_000, toolCount: 0, timedOut: true, error: 'Request timed out\nafter 10 s' },
    { name: 'box', durationMs: 6_000, toolCount: 0, timedOut: false, error: 'needs sign-in: /mcp login box' },
  ]);
  expect(report).toMatchObject({ slow: true, totalDurationMs: 6_000 });
  expect(report.errors?.map(({ server: name }) => name)).toEqual(['mcp.json', 'a: b', 'box']);
  expect(readStatus('No MCP servers configured. Add them to mcp.json.', new Map(), 1)).toBeUndefined();
});

describe.runIf(!IS_PI_1)('a pi without tools of its own beside the usual ones', () => {
  it('opens a session as before, whatever an mcp.json names', async () => {
    const test = await start({ agentDir: withMcp({ sums: server() }) });
    expect(await run(test, 'bash', { command: 'echo hi' })).toMatchObject({ isError: false });
    expect(test.log.all('mcp_startup_report')).toEqual([]);
  });
});

it('a tool of another extension that has the name of one of pi is asked for', async () => {
  const agentDir = withExtension(
    `pi.registerTool({ name: 'codemode', label: '', description: '', parameters: { type: 'object', properties: {} },
       execute: async () => ({ content: [{ type: 'text', text: 'ran' }] }) })`,
  );
  const test = await start({ agentDir, approvals: 'ask' });
  await say(test, script('anything'));
  expect((await test.log.next('approval_pending')).approval).toMatchObject({ toolName: 'codemode' });
});
