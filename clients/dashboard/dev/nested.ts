import type { SessionInfo } from '@pizzapi/protocol';
import { session } from './lists.js';
import type { Scene } from './scene.js';

const at = Date.now() - 20_000;

export const NESTED_SESSIONS: readonly SessionInfo[] = [session('nested', { name: 'Count the ovens' }, 1)];

const CODE = `const pages = await tools.mcp__docs__search({ query: 'ovens' });
const { output } = await tools.bash({ command: 'wc -l src/*.ts' });
return { pages, output };`;

/** An agent that runs a script of calls: one is over, one has failed, one runs. */
export function nestedScene(): Scene {
  const begin = (id: string, toolName: string, args: object, parentToolCallId?: string) => ({
    ...{ type: 'tool_execution_start', at, toolCallId: id, toolName, args },
    ...(parentToolCallId === undefined ? {} : { parentToolCallId }),
  });
  const end = (id: string, toolName: string, text: string, parentToolCallId: string, isError = false) => ({
    ...{ type: 'tool_execution_end', at: at + 900, toolCallId: id, toolName, isError, parentToolCallId },
    result: { content: [{ type: 'text', text }] },
  });
  const message = (id: string, role: string, content: object[]) => ({
    ...{ type: 'message_end', at, messageId: id, entryId: id },
    message: { role, content },
  });
  const script = (id: string, code: string) => ({ type: 'toolCall', id, name: 'codemode', arguments: { code } });
  const first = { path: 'src/ovens.ts' };
  return {
    events: [
      { type: 'agent_start', at },
      message('u1', 'user', [{ type: 'text', text: 'How many ovens are there, and where are they described?' }]),
      message('a1', 'assistant', [
        { type: 'text', text: 'I look first.' },
        script('c0', 'return await tools.read({ path: "src/ovens.ts" })'),
      ]),
      begin('c0', 'codemode', { code: 'return await tools.read({ path: "src/ovens.ts" })' }),
      begin('c0/1', 'read', first, 'c0'),
      end('c0/1', 'read', 'export const OVENS = 12;', 'c0'),
      {
        ...{ type: 'tool_execution_end', at: at + 1_000, toolCallId: 'c0', toolName: 'codemode', isError: false },
        result: { content: [{ type: 'text', text: 'Script completed\n\nexport const OVENS = 12;' }] },
      },
      message('a2', 'assistant', [script('c1', CODE)]),
      begin('c1', 'codemode', { code: CODE }),
      begin('c1/1', 'mcp__docs__search', { query: 'ovens' }, 'c1'),
      end('c1/1', 'mcp__docs__search', '{"pages":["Ovens","Dough"]}', 'c1'),
      begin('c1/2', 'read', { path: 'src/gone.ts' }, 'c1'),
      end('c1/2', 'read', 'There is no file src/gone.ts', 'c1', true),
      begin('c1/3', 'bash', { command: 'wc -l src/*.ts' }, 'c1'),
    ],
    meta: {},
  };
}
