import { TOOL_WORDS, toolCallLine, toolFieldLabel, toolFieldText } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { pendingApproval } from '../human/approvals.js';
import { sayUse } from '../human/tools.js';
import { start, tidyUpAfterEach, withExtension } from '../testing/human.js';

tidyUpAfterEach();

interface Listed {
  name: string;
  parameters: { properties?: Record<string, unknown> };
}

/** Every tool of a session that is linked, with the tools of PizzaPi and of pi. */
async function tools(): Promise<Listed[]> {
  const agentDir = withExtension(
    `pi.on('session_start', (_event, ctx) => ctx.ui.notify(JSON.stringify(pi.getAllTools())))`,
  );
  const test = await start({ agentDir, linked: { sessionId: 'p', parentSessionId: 'q' } });
  const notice = test.log.all('dialog_opened').find(({ method }) => method === 'notify')!;
  return JSON.parse(notice.title) as Listed[];
}

describe('the words for tools', () => {
  it('exist for every tool that a session has, and for every argument of the tools that PizzaPi adds', async () => {
    const all = await tools();
    expect(all.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['bash', 'goal', 'todo', 'plan_mode', 'ask_user_question', 'spawn_session', 'escalate']),
    );
    for (const { name, parameters } of all) {
      expect(Object.keys(TOOL_WORDS), name).toContain(name);
      if (TOOL_WORDS[name]!.fields === undefined) continue;
      for (const key of Object.keys(parameters.properties ?? {})) {
        expect(toolFieldLabel(name, key), `${name}.${key}`).not.toBe(key);
      }
    }
  });

  it('make an approval of one of our tools readable, with every argument and without JSON', () => {
    const use = { tool: 'spawn_session', input: { prompt: 'Bake\nthe bread', name: 'Baker' } };
    expect(sayUse(use)).toBe('Start a session (Task: Bake the bread; Name: Baker)');
    const { title, fields } = pendingApproval('v1', use, []);
    expect(title).toBe('Allow this? Start a session');
    expect(fields).toMatchObject([
      { key: 'prompt', label: 'Task', value: 'Bake\nthe bread' },
      { key: 'name', label: 'Name', value: 'Baker' },
    ]);
    // A tool of another program is shown as it is: nothing that a person allows is left out.
    const foreign = { tool: 'deploy', input: { to: { host: 'x' } } };
    expect(sayUse(foreign)).toBe('deploy: {"to":{"host":"x"}}');
    expect(pendingApproval('v2', foreign, []).title).toBe('Allow the tool "deploy"?');
  });

  it('name the server of a tool of an MCP server', () => {
    const tool = 'mcp__docs__find_page';
    expect(toolCallLine(tool, { query: 'ovens' })).toBe('docs: find_page: ovens');
    expect(sayUse({ tool, input: { query: 'ovens' } })).toBe('find_page of the MCP server docs: {"query":"ovens"}');
    expect(pendingApproval('v3', { tool, input: {} }, []).title).toBe(
      'Allow the tool "find_page" of the MCP server "docs"?',
    );
  });

  it('list questions as lines', () => {
    const questions = [{ question: 'Which oven?', options: ['Wood', 'Gas'] }, { question: 'When?' }];
    expect(toolFieldText(questions)).toBe('- Which oven? (Wood · Gas)\n- When?');
    expect(toolCallLine('ask_user_question', { questions })).toBe('Ask: Which oven?');
  });
});
