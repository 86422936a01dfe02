import { errorInfo, type Command, type CommandOf, type ErrorInfo } from '@pizzapi/protocol';
import type { CommandHandler, CommandHandlers, CommandOutcome } from '../daemon/commandDispatcher.js';
import type { WorkerSession } from '../worker/session.js';

const failed = (error: ErrorInfo): CommandOutcome => ({ kind: 'publish', outcome: { ok: false, error } });
const unsupported = (message: string): ErrorInfo => ({ code: 'command_unknown', message });

/**
 * What a terminal does with its commands: it has one session, and the person at the terminal starts, forks and closes it.
 * `onKill` ends the session and writes the result of the command itself.
 */
export function terminalCommands(
  sid: string,
  session: Pick<WorkerSession, 'command' | 'answer'>,
  onKill: (command: CommandOf<'kill_session'>) => void,
): CommandHandlers {
  const isOurs = ({ sessionId }: Command) => sessionId === sid;

  async function refuse(command: Command, error: ErrorInfo): Promise<CommandOutcome> {
    if (!isOurs(command)) return failed(error);
    const outcome = { ok: false, error } as const;
    await session.answer(command, outcome);
    return { kind: 'recorded', outcome };
  }

  const refusal =
    (error: ErrorInfo): CommandHandler =>
    (command) =>
      refuse(command, error);

  const inSession =
    <C extends Command>(handle: CommandHandler<C>): CommandHandler<C> =>
    (command) =>
      isOurs(command)
        ? handle(command)
        : failed(errorInfo('session_not_found', `This terminal does not share the session ${command.sessionId ?? ''}`));

  return {
    named: {
      new_session: refusal(errorInfo('runner_is_a_terminal', 'A person works in this terminal')),
      fork: refusal(unsupported('Fork a session of a terminal there, with /fork.')),
      restart: refusal(unsupported('A person works in this terminal; it cannot be restarted from here.')),
      shutdown: refusal(unsupported('A person works in this terminal; it cannot be closed from here.')),
      list_sessions: () => ({ kind: 'publish', outcome: { ok: true, result: { sessions: [{ sid }] } } }),
      kill_session: inSession((command) => ({
        ...{ kind: 'recorded', outcome: { ok: true } },
        // When the ledger has it: the session, and its dispatcher, will be gone.
        afterwards: () => onKill(command),
      })),
    },
    others: inSession(async (command) => {
      const asked = await session.command(command);
      if (asked.kind === 'answered') return { kind: 'recorded', outcome: asked.outcome };
      return failed(errorInfo('session_ended'));
    }),
    refuse,
    recover: () => failed(errorInfo('unknown')),
  };
}
