import { RUNNER_PAGE_BYTES } from '@pizzapi/protocol';
import type { SessionHosts } from '../hosts.js';
import type { Terminals } from '../terminals/terminals.js';
import { folderOf } from './commandHandlers.js';
import type { RunnerHandlers } from './dispatcher.js';

export interface TerminalHandlerDeps {
  terminals: Terminals;
  roots: readonly string[];
  hosts: Pick<SessionHosts, 'get'>;
}

type TerminalMethod =
  | 'new_terminal'
  | 'list_terminals'
  | 'terminal_output'
  | 'terminal_input'
  | 'terminal_resize'
  | 'rename_terminal'
  | 'kill_terminal'
  | 'take_keyboard'
  | 'watch_terminal';

/** Opens terminals and works with them. */
export function terminalHandlers(deps: TerminalHandlerDeps): Pick<RunnerHandlers, TerminalMethod> {
  const { terminals } = deps;
  return {
    new_terminal: async (request, { userId }) => {
      const { sessionId, cols, rows, name } = request;
      const cwd = await folderOf(request, deps);
      const terminal = await terminals.open({ userId, cwd, sessionId, cols, rows, name });
      return { terminalId: terminal.record.terminalId, name: terminal.name, cwd };
    },
    list_terminals: async (_request, { userId }) => ({ terminals: await terminals.list(userId) }),
    terminal_output: async ({ terminalId, after = 0 }, { userId }) => {
      const kept = await terminals.get(terminalId, userId).ask('output', { after, maxBytes: RUNNER_PAGE_BYTES });
      const { first, head, n, bytes } = kept;
      return { first, head, n, bytes: Buffer.from(bytes).toString('base64') };
    },
    // These two reach the process of the terminal in the order in which they came.
    terminal_input: async ({ terminalId, bytes, viewer }, { userId }) => {
      const input = Buffer.from(bytes, 'base64');
      await terminals.get(terminalId, userId).ask('input', { bytes: input, ...(viewer && { viewer }) });
      return {};
    },
    terminal_resize: async ({ terminalId, cols, rows, viewer }, { userId }) => {
      await terminals.get(terminalId, userId).ask('resize', { cols, rows, ...(viewer && { viewer }) });
      return {};
    },
    rename_terminal: async ({ terminalId, name }, { userId }) => {
      await terminals.get(terminalId, userId).ask('rename', { name });
      return {};
    },
    kill_terminal: async ({ terminalId }, { userId }) => {
      await terminals.get(terminalId, userId).ask('kill', {});
      return {};
    },
    take_keyboard: async ({ terminalId, viewer }, { userId }) => {
      await terminals.get(terminalId, userId).ask('take', { viewer });
      return {};
    },
    watch_terminal: ({ terminalId, gateway, viewers, taken }, { userId }) =>
      terminals.get(terminalId, userId).ask('watch', {
        report: { gateway, viewers, ...(taken === undefined ? {} : { taken }) },
      }),
  };
}
