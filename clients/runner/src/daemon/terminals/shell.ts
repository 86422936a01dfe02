import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { isProgram } from '../../programs.js';
import { SESSION_TAG } from '../../processes.js';

/** Shells that take `-l`, which makes them read the person's profile as a login does. */
const LOGIN_SHELLS = ['bash', 'zsh', 'fish', 'sh', 'dash', 'ksh', 'mksh', 'ash'];
/** Variables of a terminal in which the daemon was started. */
const FOREIGN = ['TMUX', 'TMUX_PANE', 'STY', 'WINDOW', 'WINDOWID', 'TERMCAP', 'COLUMNS', 'LINES', 'TERM_PROGRAM'];

/** The person's shell with its arguments. */
export function shellOf(env: NodeJS.ProcessEnv): [string, ...string[]] {
  const found = [env['SHELL'], shellOfAccount(), '/bin/bash', '/bin/sh'].find(
    (path): path is string => path !== undefined && path.startsWith('/') && isProgram(path),
  );
  const shell = found ?? '/bin/sh';
  return LOGIN_SHELLS.includes(basename(shell)) ? [shell, '-l'] : [shell];
}

/** The environment of a shell: that of the person, with the tag that finds all that it starts. */
export function shellEnvironment(env: NodeJS.ProcessEnv, terminalId: string): Record<string, string> {
  const own = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || FOREIGN.includes(name) ? [] : [[name, value] as const],
  );
  return { ...Object.fromEntries(own), TERM: 'xterm-256color', COLORTERM: 'truecolor', [SESSION_TAG]: terminalId };
}

/** In a container the user may have no entry, and `userInfo` throws then. */
function shellOfAccount(): string | undefined {
  try {
    return userInfo().shell ?? undefined;
  } catch {
    return undefined;
  }
}
