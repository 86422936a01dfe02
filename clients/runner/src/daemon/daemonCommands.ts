import { sleep } from '@pizzapi/process';
import { errorInfo, type Command, type CommandOf, type ErrorInfo } from '@pizzapi/protocol';
import type { WorkerCommandOutcome } from '../ipc/messages.js';
import type { CommandHandler, CommandHandlers, CommandOutcome } from './commandDispatcher.js';
import type { SessionHost } from './host.js';
import type { SessionHosts } from './hosts.js';
import { isIdempotent } from './idempotentCommands.js';

/** How often a session that is about to be started is looked for, in ms. */
const APPEARS_EVERY_MS = 20;

const publish = (outcome: WorkerCommandOutcome): CommandOutcome => ({ kind: 'publish', outcome });
const refused = (error: ErrorInfo): CommandOutcome => publish({ ok: false, error });
const UNKNOWN: WorkerCommandOutcome = { ok: false, error: errorInfo('unknown') };
const ANSWERED: CommandOutcome = { kind: 'recorded', outcome: { ok: true } };

/** The outcome of a command whose result a session's log gets; undefined where the daemon stops first. */
async function recorded(outcome: Promise<WorkerCommandOutcome | undefined>): Promise<CommandOutcome> {
  const known = await outcome;
  return known === undefined ? { kind: 'left' } : { kind: 'recorded', outcome: known };
}

/**
 * What the daemon of a runner does with its commands. Commands of one session keep their order; those of other sessions
 * do not wait for them. `onStop` is called when the runner is asked to stop, or to start again.
 */
export function daemonCommands(
  hosts: SessionHosts,
  onStop: (how: 'restart' | 'shutdown') => void,
  mayHostSessions = true,
): CommandHandlers {
  /** Sessions that are being started: their commands wait. */
  const starting = new Map<string, Promise<unknown>>();
  const hostOf = ({ sessionId }: Command) => (sessionId === undefined ? undefined : hosts.get(sessionId));

  const inSession =
    <C extends Command>(handle: (host: SessionHost, command: C) => Promise<CommandOutcome>): CommandHandler<C> =>
    async (command) => {
      await starting.get(command.sessionId ?? '');
      const host = hostOf(command);
      if (host !== undefined) return handle(host, command);
      return notHere(command);
    };

  async function notHere(command: Command): Promise<CommandOutcome> {
    const { sessionId: sid = '' } = command;
    const isOver = (await hosts.ended.find(sid)) !== undefined;
    return refuse(
      command,
      isOver ? errorInfo('session_ended') : errorInfo('session_not_found', `There is no session ${sid} here`),
    );
  }

  /** Answers a command of a session that is not hosted here: in its log, where its sender reads, if it has one. */
  async function answer(command: Command, outcome: WorkerCommandOutcome): Promise<CommandOutcome> {
    const { sessionId } = command;
    const isRecorded = sessionId !== undefined && (await hosts.ended.record(sessionId, command, outcome));
    return isRecorded ? { kind: 'recorded', outcome } : publish(outcome);
  }

  /** Ends a session in whatever state it is: also one that is still being started, and perhaps never will be. */
  async function kill(command: CommandOf<'kill_session'>): Promise<CommandOutcome> {
    const isStarting = () => starting.has(command.sessionId ?? '');
    while (hostOf(command) === undefined && isStarting()) await sleep(APPEARS_EVERY_MS);
    const host = hostOf(command);
    return host === undefined ? notHere(command) : recorded(host.kill(command));
  }

  async function create(command: CommandOf<'new_session'>): Promise<CommandOutcome> {
    const { sessionId } = command.args;
    if (!mayHostSessions)
      return refused(errorInfo('right_missing', 'The token of this runner does not allow sessions'));
    const start = hosts.create(command).finally(() => starting.delete(sessionId));
    starting.set(sessionId, start);
    const begun = await start;
    if (begun.kind === 'refused') return refused(begun.error);
    return publish({ ok: true, result: { sessionId: begun.sid, cwd: begun.cwd } });
  }

  async function fork(command: CommandOf<'fork'>): Promise<CommandOutcome> {
    await starting.get(command.sessionId ?? '');
    const host = hostOf(command);
    return host === undefined ? forkEnded(command) : forkHosted(host, command);
  }

  async function forkEnded(command: CommandOf<'fork'>): Promise<CommandOutcome> {
    const record = await hosts.ended.find(command.sessionId ?? '');
    if (record === undefined) return notHere(command);
    const begun = await hosts.forkEnded(record, command);
    return answer(
      command,
      begun.kind === 'refused' ? { ok: false, error: begun.error } : { ok: true, result: { sessionId: begun.sid } },
    );
  }

  async function forkHosted(host: SessionHost, command: CommandOf<'fork'>): Promise<CommandOutcome> {
    const begun = await hosts.fork(host, command);
    if (begun.kind === 'refused')
      return recorded(host.forwarder.recordResult(command, { ok: false, error: begun.error }));
    return recorded(host.forwarder.recordResult(command, { ok: true, result: { sessionId: begun.sid } }));
  }

  const stop = ({ name }: CommandOf<'restart' | 'shutdown'>): CommandOutcome => ({
    ...{ kind: 'publish', outcome: { ok: true } },
    // When the ledger has it: a restarted runner must not restart again.
    afterwards: () => onStop(name),
  });

  async function refuse(command: Command, error: ErrorInfo): Promise<CommandOutcome> {
    const host = hostOf(command);
    if (host === undefined) return answer(command, { ok: false, error });
    // A suspended session is not woken for a refusal.
    return recorded(
      host.isAwake ? host.forwarder.recordResult(command, { ok: false, error }) : host.refuse(command, error),
    );
  }

  async function recover(command: Command, handle: CommandHandler, isPassedOn: boolean): Promise<CommandOutcome> {
    if (command.name === 'new_session') {
      // Without a session nothing has happened yet; with one, everything has.
      const { sessionId } = command.args;
      return hosts.get(sessionId) === undefined ? handle(command) : publish({ ok: true, result: { sessionId } });
    }
    const host = hostOf(command);
    if (command.name === 'fork') {
      const { sessionId } = command.args;
      const isDone = hosts.get(sessionId) !== undefined || (await hosts.ended.find(sessionId)) !== undefined;
      if (!isDone) return handle(command);
      const done = { ok: true, result: { sessionId } } as const;
      return host === undefined ? answer(command, done) : recorded(host.forwarder.recordResult(command, done));
    }
    // The daemon before had taken it, and no worker had it yet: nothing has happened.
    if (!isPassedOn) return handle(command);
    if (host === undefined) return answer(command, command.name === 'kill_session' ? { ok: true } : UNKNOWN);
    // The worker that had the command may still run.
    switch (await host.outcomeOf(command.commandId)) {
      case 'answered':
      case 'working':
        return ANSWERED;
      case 'unseen':
        return handle(command);
      case 'unknown':
        if (isIdempotent(command))
          return (await host.suspended.isAnswered(command.commandId)) ? ANSWERED : handle(command);
        return command.name === 'kill_session'
          ? handle(command)
          : recorded(host.forwarder.recordResult(command, UNKNOWN));
    }
  }

  return {
    named: {
      new_session: create,
      list_sessions: () => publish({ ok: true, result: { sessions: hosts.all.map((host) => host.status) } }),
      restart: stop,
      shutdown: stop,
      kill_session: kill,
      fork,
    },
    others: inSession((host, command) => recorded(host.forwarder.forward(command))),
    refuse,
    recover,
  };
}
