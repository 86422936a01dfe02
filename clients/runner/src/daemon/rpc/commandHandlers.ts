import { CodedError } from '@pizzapi/protocol';
import type { CommandRunner } from '../exec/commandRunner.js';
import type { SessionHosts } from '../hosts.js';
import { checkCwd } from '../roots.js';
import type { RunnerHandlers } from './dispatcher.js';

export interface CommandDeps {
  commands: CommandRunner;
  roots: readonly string[];
  hosts: Pick<SessionHosts, 'get'>;
}

type CommandMethod = 'exec' | 'exec_output' | 'exec_input' | 'exec_kill';

/** Runs commands of people. */
export function commandHandlers({ commands, roots, hosts }: CommandDeps): Pick<RunnerHandlers, CommandMethod> {
  return {
    exec: async (request, { userId, signal }) => {
      const cwd = await folderOf(request, { roots, hosts });
      return commands.start(request, { cwd, userId, signal });
    },
    exec_output: (request, { userId, signal }) => commands.read(request, userId, signal),
    exec_input: (request, { userId, signal }) => commands.write(request, userId, signal),
    exec_kill: async (request, { userId }) => {
      await commands.kill(request, userId);
      return {};
    },
  };
}

/** The folder that a request names: `cwd`, else that of its session, else the first root; within the roots. */
export async function folderOf(
  { cwd, sessionId }: { cwd?: string; sessionId?: string },
  { roots, hosts }: Omit<CommandDeps, 'commands'>,
): Promise<string> {
  const session = sessionId === undefined ? undefined : hosts.get(sessionId);
  if (sessionId !== undefined && session === undefined)
    throw new CodedError('session_not_found', `There is no session ${sessionId} here`);
  const checked = await checkCwd(cwd ?? session?.facts.cwd, roots);
  if (checked.kind === 'ok') return checked.path;
  const { code, message } = checked.error;
  throw Object.assign(new CodedError(code), { message });
}
