import { CodedError } from '@pizzapi/protocol';
import type { RunnerHandlers } from './dispatcher.js';

type TerminalMethod =
  | 'new_terminal'
  | 'list_terminals'
  | 'terminal_output'
  | 'terminal_input'
  | 'terminal_resize'
  | 'rename_terminal'
  | 'kill_terminal'
  | 'watch_terminal';

/** Opens terminals and works with them. */
export function terminalHandlers(): Pick<RunnerHandlers, TerminalMethod> {
  const missing = (): never => {
    throw new CodedError('terminal_failed', 'This runner has no terminals yet');
  };
  return {
    new_terminal: missing,
    list_terminals: () => ({ terminals: [] }),
    terminal_output: missing,
    terminal_input: missing,
    terminal_resize: missing,
    rename_terminal: missing,
    kill_terminal: missing,
    watch_terminal: missing,
  };
}
