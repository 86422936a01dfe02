import type { Ledger } from '@pizzapi/backbone';
import {
  errorInfo,
  guestCommandProblem,
  isGuest,
  type Command,
  type CommandOf,
  type ErrorInfo,
} from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import type { RunnerEventPublisher } from '../daemon/runnerEventPublisher.js';
import type { WorkerCommandOutcome } from '../ipc/messages.js';
import type { WorkerSession } from '../worker/session.js';

export interface TerminalCommandDispatcherOptions {
  sid: string;
  session: Pick<WorkerSession, 'command' | 'answer'>;
  ledger: Ledger;
  publisher: Pick<RunnerEventPublisher, 'publish'>;
  log: Logger;
  /** Somebody ends the session from afar; it writes the result of this command itself. */
  onKill: (command: CommandOf<'kill_session'>) => void;
}

const refusal = (why: string): ErrorInfo => ({ code: 'command_unknown', message: why });

const REFUSED: Partial<Record<Command['name'], ErrorInfo>> = {
  new_session: errorInfo('runner_is_a_terminal', 'A person works in this terminal'),
  fork: refusal('A session in a terminal is forked there, with /fork.'),
  restart: refusal('A person works in this terminal: nobody else restarts it.'),
  shutdown: refusal('A person works in this terminal: nobody else closes it.'),
};

/** Takes the commands for a terminal: each at most once, answered in the log of its one session or of its runner. */
export class TerminalCommandDispatcher {
  readonly #running = new Set<Promise<void>>();

  constructor(private readonly options: TerminalCommandDispatcherOptions) {}

  dispatch(command: Command, seq: number): void {
    const { ledger, log } = this.options;
    const { commandId, name } = command;
    const isNew = ledger.begin(commandId, seq) === 'new';
    if (!isNew && ledger.get(commandId)?.result !== undefined) return;
    const work = (
      isNew ? this.#handle(command) : this.#publishResult(command, { ok: false, error: errorInfo('unknown') })
    )
      .then((outcome) => ledger.finish(commandId, outcome.ok ? { ok: true } : outcome))
      .catch((error: unknown) => log.error({ err: error, commandId, command: name }, 'a command failed'))
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  /** What came and is no command. */
  poison({ commandId }: { commandId?: string }): void {
    if (commandId === undefined) return;
    this.options.publisher.publish({
      type: 'command_result',
      commandId,
      ok: false,
      error: errorInfo('command_invalid'),
    });
  }

  /** Waits until what was taken is answered. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #handle(command: Command): Promise<WorkerCommandOutcome> {
    const { sid, session, onKill } = this.options;
    const isOurs = command.sessionId === sid;
    if (Date.now() > command.expiresAt) return this.#refuse(command, isOurs, errorInfo('command_expired'));
    const refused = (isGuest(command.by) ? guestCommandProblem(command.name) : undefined) ?? REFUSED[command.name];
    if (refused !== undefined) return this.#refuse(command, isOurs, refused);
    if (command.name === 'list_sessions') {
      return this.#publishResult(command, { ok: true, result: { sessions: [{ sid }] } });
    }
    if (!isOurs) {
      const what = `This terminal does not share the session ${command.sessionId ?? ''}`;
      return this.#publishResult(command, { ok: false, error: errorInfo('session_not_found', what) });
    }
    if (command.name === 'kill_session') {
      // After the ledger has it: its session, and this dispatcher with it, will be gone.
      setImmediate(() => onKill(command));
      return { ok: true };
    }
    const asked = await session.command(command);
    if (asked.kind === 'answered') return asked.outcome;
    return this.#publishResult(command, { ok: false, error: errorInfo('session_ended') });
  }

  async #refuse(command: Command, isOurs: boolean, error: ErrorInfo): Promise<WorkerCommandOutcome> {
    const outcome: WorkerCommandOutcome = { ok: false, error };
    if (!isOurs) return this.#publishResult(command, outcome);
    await this.options.session.answer(command, outcome);
    return outcome;
  }

  #publishResult({ commandId, name }: Command, outcome: WorkerCommandOutcome): Promise<WorkerCommandOutcome> {
    this.options.publisher.publish({ type: 'command_result', commandId, name, ...outcome });
    return Promise.resolve(outcome);
  }
}
