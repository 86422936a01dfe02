import type { Ledger } from '@pizzapi/backbone';
import {
  errorInfo,
  guestCommandProblem,
  isGuest,
  isMap,
  type Command,
  type CommandName,
  type CommandOf,
  type ErrorInfo,
  type TraceContext,
} from '@pizzapi/protocol';
import { noTracing, type Logger, type Tracing } from '@pizzapi/process';
import type { WorkerCommandOutcome } from '../ipc/messages.js';
import type { CommandTraces } from './commandTraces.js';
import type { RunnerEventPublisher } from './runnerEventPublisher.js';

/**
 * How a command ended.
 *
 * - `publish`: the dispatcher publishes the result as an event of the runner.
 * - `recorded`: the result is in the log of a session, or on its way there.
 * - `left`: the process stops before the result is recorded, and the next process recovers the command.
 *
 * `afterwards` is called when the ledger has the result.
 */
export type CommandOutcome =
  { kind: 'publish' | 'recorded'; outcome: WorkerCommandOutcome; afterwards?: () => void } | { kind: 'left' };

export type CommandHandler<C = Command> = (command: C) => Promise<CommandOutcome> | CommandOutcome;

/** What a host does with its commands. */
export interface CommandHandlers {
  named: { readonly [N in CommandName]?: CommandHandler<CommandOf<N>> };
  /** Every command without a handler of its own. */
  others: CommandHandler;
  /** Answers a command that is not carried out. */
  refuse: (command: Command, error: ErrorInfo) => Promise<CommandOutcome> | CommandOutcome;
  /** Recovers a command that an earlier process began and did not finish. `handle` carries it out as a new one. */
  recover: (
    command: Command,
    handle: CommandHandler,
    /** Whether its effect may have begun. */
    isPassedOn: boolean,
  ) => Promise<CommandOutcome> | CommandOutcome;
}

export interface CommandDispatcherOptions {
  ledger: Pick<Ledger, 'begin' | 'get' | 'finish'>;
  handlers: CommandHandlers;
  publisher: Pick<RunnerEventPublisher, 'publish' | 'publishResult' | 'leftoverResult'>;
  log: Logger;
  /** Records a span for each command; none when left out. */
  tracing?: Tracing;
  /** Where the handlers find the trace of a command. */
  traces?: CommandTraces;
  onFinished?: (outcome: WorkerCommandOutcome) => void;
}

/**
 * Routes each command of a host to its handler. The ledger has the command before its effect, so that the effect happens
 * at most once however often the command is delivered. The ledger says "finished" only when the result survives a crash,
 * so that each command has a result.
 */
export class CommandDispatcher {
  private readonly running = new Set<Promise<void>>();

  constructor(private readonly options: CommandDispatcherOptions) {}

  /** Takes the command at an offset of the stream. Returns when its place in the order is taken, not when it is done. */
  dispatch(command: Command, seq: number, parent?: TraceContext): void {
    const { ledger, log, tracing = noTracing, traces } = this.options;
    const { commandId, name } = command;
    const isNew = ledger.begin(commandId, seq) === 'new';
    // The result is published, and must not be published again.
    if (!isNew && ledger.get(commandId)?.result !== undefined) return;
    const attributes = { 'pizzapi.session': command.sessionId };
    const span = tracing.start(`handle ${name}`, { parent, kind: 'consumer', attributes });
    traces?.set(command, span.context);
    const line = log.child({ commandId, command: name, sid: command.sessionId, traceId: span.context.traceId });
    line.info({ seq, retry: !isNew }, 'command');
    let code: string | undefined;
    const work = (isNew ? this.handle(command) : this.recover(command))
      .then((ended) => {
        if (ended.kind !== 'left' && !ended.outcome.ok) code = ended.outcome.error.code;
        return this.finish(command, ended);
      })
      .catch((error: unknown) => {
        code = 'internal';
        line.error({ err: error }, 'command failed in the runner');
      })
      .finally(() => {
        span.end(code);
        this.running.delete(work);
      });
    this.running.add(work);
  }

  /** Answers a message that is no command, if it has an id. */
  poison({ seq, commandId, value }: { seq: number; commandId?: string; value: unknown }): void {
    const { publisher, log } = this.options;
    log.warn({ seq }, 'invalid command skipped');
    if (commandId === undefined) return;
    const name = isMap(value) && typeof value['name'] === 'string' ? { name: value['name'] } : {};
    publisher.publish({ type: 'command_result', commandId, ok: false, error: errorInfo('command_invalid'), ...name });
  }

  /** Waits until every command that was taken has ended. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.running);
  }

  private async handle(command: Command): Promise<CommandOutcome> {
    const { handlers } = this.options;
    if (Date.now() > command.expiresAt) return handlers.refuse(command, errorInfo('command_expired'));
    const denied = isGuest(command.by) ? guestCommandProblem(command.name) : undefined;
    if (denied !== undefined) return handlers.refuse(command, denied);
    // Each handler is for the command of its name.
    const named = handlers.named[command.name] as CommandHandler | undefined;
    return (named ?? handlers.others)(command);
  }

  private async recover(command: Command): Promise<CommandOutcome> {
    const spooled = this.options.publisher.leftoverResult(command.commandId);
    if (spooled !== undefined) return { kind: 'recorded', outcome: spooled };
    const { handlers, ledger } = this.options;
    const isPassedOn = ledger.get(command.commandId)?.isPassedOn !== false;
    return handlers.recover(command, (again) => this.handle(again), isPassedOn);
  }

  private async finish(command: Command, ended: CommandOutcome): Promise<void> {
    if (ended.kind === 'left') return;
    const { outcome, afterwards } = ended;
    const { ledger, publisher, onFinished } = this.options;
    const commit = () => ledger.finish(command.commandId, outcome.ok ? { ok: true } : outcome);
    if (ended.kind === 'recorded') commit();
    else if (!(await publisher.publishResult(command, outcome, commit))) return;
    onFinished?.(outcome);
    afterwards?.();
  }
}
