import type { Ledger } from '@pizzapi/backbone';
import { errorInfo, guestCommandProblem, isGuest, isMap, type Command, type ErrorInfo } from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import type { WorkerCommandOutcome } from '../ipc/messages.js';
import type { RunnerEventPublisher } from './runnerEventPublisher.js';
import type { SessionHost } from './host.js';
import type { SessionHosts } from './hosts.js';
import type { RunnerMetrics } from './metrics.js';
import { isIdempotent } from './idempotentCommands.js';

export interface CommandDispatcherOptions {
  ledger: Ledger;
  hosts: SessionHosts;
  publisher: RunnerEventPublisher;
  metrics: RunnerMetrics;
  log: Logger;
  /** The runner is asked to stop, or to start again. */
  onStop(how: 'restart' | 'shutdown'): void;
}

/**
 * Takes the runner's commands as they come. The ledger knows each before its effect, so that the effect happens at most
 * once however often the command is delivered; commands of one session keep their order, others don't wait for them.
 */
export class CommandDispatcher {
  private readonly running = new Set<Promise<void>>();
  /** Sessions that are being begun: what is for them waits. */
  private readonly beginning = new Map<string, Promise<unknown>>();

  constructor(private readonly options: CommandDispatcherOptions) {}

  /** One command from the stream, at its offset. Returns when its place in the order is taken, not when it is done. */
  dispatch(command: Command, seq: number): void {
    const { ledger, log, metrics } = this.options;
    const { commandId, name } = command;
    const first = ledger.begin(commandId, seq) === 'new';
    const entry = ledger.get(commandId);
    // Answered before: the answer is in the log, once.
    if (!first && entry?.result !== undefined) return;
    log.info({ commandId, command: name, sid: command.sessionId, seq, retry: !first }, 'command');
    const work = (first ? this.handle(command) : this.recover(command))
      .then((outcome) => {
        if (outcome === undefined) return;
        ledger.finish(commandId, outcome.ok ? { ok: true } : outcome);
        metrics.commands.inc({ outcome: outcome.ok ? 'ok' : outcome.error.code });
      })
      .catch((error: unknown) => log.error({ err: error, commandId, command: name }, 'a command failed in the runner'))
      .finally(() => this.running.delete(work));
    this.running.add(work);
  }

  /** Something on the runner's subject that is no command: told, if it has an id to tell it with. */
  poison(problem: { seq: number; commandId?: string; value: unknown }): void {
    const { publisher, log } = this.options;
    log.warn({ seq: problem.seq }, 'what came is no command');
    if (problem.commandId === undefined) return;
    const name = isMap(problem.value) && typeof problem.value['name'] === 'string' ? problem.value['name'] : undefined;
    const error = errorInfo('command_invalid');
    publisher.publish({
      type: 'command_result',
      commandId: problem.commandId,
      ok: false,
      error,
      ...(name === undefined ? {} : { name }),
    });
  }

  /** Waits until what was taken is answered. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.running);
  }

  private async handle(command: Command): Promise<WorkerCommandOutcome | undefined> {
    if (Date.now() > command.expiresAt) return this.refuse(command, errorInfo('command_expired'));
    const denied = isGuest(command.by) ? guestCommandProblem(command.name) : undefined;
    if (denied !== undefined) return this.refuse(command, denied);
    switch (command.name) {
      case 'new_session':
        return this.create(command);
      case 'list_sessions':
        return this.publishResult(command, {
          ok: true,
          result: { sessions: this.options.hosts.all.map((host) => host.status) },
        });
      case 'restart':
      case 'shutdown': {
        const outcome = this.publishResult(command, { ok: true });
        // After the ledger has it: a restarted runner must not restart again.
        setImmediate(() => this.options.onStop(command.name));
        return outcome;
      }
    }
    await this.beginning.get(command.sessionId ?? '');
    const host = command.sessionId === undefined ? undefined : this.options.hosts.get(command.sessionId);
    if (host === undefined)
      return this.refuse(
        command,
        errorInfo('session_not_found', `There is no session ${command.sessionId ?? ''} here`),
      );
    if (command.name === 'kill_session') return host.kill(command);
    if (command.name === 'fork') return this.fork(host, command);
    return host.command(command);
  }

  private async create(command: Extract<Command, { name: 'new_session' }>): Promise<WorkerCommandOutcome> {
    const { sessionId } = command.args;
    const beginning = this.options.hosts.create(command).finally(() => this.beginning.delete(sessionId));
    this.beginning.set(sessionId, beginning);
    const begun = await beginning;
    if (begun.kind === 'refused') return this.publishResult(command, { ok: false, error: begun.error });
    return this.publishResult(command, { ok: true, result: { sessionId: begun.sid, cwd: begun.cwd } });
  }

  private async fork(
    host: SessionHost,
    command: Extract<Command, { name: 'fork' }>,
  ): Promise<WorkerCommandOutcome | undefined> {
    const begun = await this.options.hosts.fork(host, command);
    if (begun.kind === 'refused') return host.settle(command, { ok: false, error: begun.error });
    return host.settle(command, { ok: true, result: { sessionId: begun.sid } });
  }

  /** A command that was begun by the daemon before this one, and whose end nobody wrote down. */
  private async recover(command: Command): Promise<WorkerCommandOutcome | undefined> {
    const unknown: WorkerCommandOutcome = { ok: false, error: errorInfo('unknown') };
    if (command.name === 'new_session') {
      // Without a session nothing has happened yet; with one, all of it has.
      const { sessionId } = command.args;
      if (this.options.hosts.get(sessionId) === undefined) return this.handle(command);
      return this.publishResult(command, { ok: true, result: { sessionId } });
    }
    const host = command.sessionId === undefined ? undefined : this.options.hosts.get(command.sessionId);
    if (host === undefined)
      return this.publishResult(command, command.name === 'kill_session' ? { ok: true } : unknown);
    // The worker that it was meant for is still there and knows.
    switch (await host.outcomeOf(command.commandId)) {
      case 'answered':
      case 'working':
        return { ok: true };
      case 'unseen':
        return this.handle(command);
      case 'unknown':
        if (isIdempotent(command)) return this.again(host, command);
        return command.name === 'kill_session' ? this.handle(command) : host.settle(command, unknown);
    }
  }

  private async again(host: SessionHost, command: Command): Promise<WorkerCommandOutcome | undefined> {
    return (await host.isAnswered(command.commandId)) ? { ok: true } : this.handle(command);
  }

  private async refuse(command: Command, error: ErrorInfo): Promise<WorkerCommandOutcome | undefined> {
    const outcome: WorkerCommandOutcome = { ok: false, error };
    const host = command.sessionId === undefined ? undefined : this.options.hosts.get(command.sessionId);
    // A session is not woken only to hear that it missed something.
    if (host?.isAwake === true) return host.settle(command, outcome);
    return this.publishResult(command, outcome);
  }

  private publishResult({ commandId, name }: Command, outcome: WorkerCommandOutcome): WorkerCommandOutcome {
    this.options.publisher.publish({ type: 'command_result', commandId, name, ...outcome });
    return outcome;
  }
}
