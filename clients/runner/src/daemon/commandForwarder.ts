import { errorInfo, type Command, type ErrorInfo, type TraceContext } from '@pizzapi/protocol';
import { sleep } from '@pizzapi/process';
import type { WorkerCommandOutcome } from '../ipc/messages.js';
import type { WorkerHandle } from '../ipc/startWorker.js';
import type { CommandStatus, WakeOutcome } from './hostTypes.js';
import { isIdempotent } from './idempotentCommands.js';

/** Pause before a worker that refused to write a result is asked once more, in ms. */
const ASK_AGAIN_MS = 1_000;

const UNKNOWN: WorkerCommandOutcome = { ok: false, error: errorInfo('unknown') };

/** A copy of pi's file for a fork: without a file there is no history yet. */
export type BranchOutcome = { kind: 'ok'; file?: string; seq: number } | { kind: 'refused'; error: ErrorInfo };

/** What the commands of a session need of its host. */
export interface CommandForwarderDeps {
  /** Returns the worker, and starts one when none runs. While a worker is replaced, returns its successor. */
  ensureWorker(): Promise<WakeOutcome>;
  /** Whether the result of a command is in the log or on its way there. */
  isAnswered(commandId: string): Promise<boolean>;
  /** Writes a result where no worker can be had. Undefined: the daemon stops, it is not written. */
  answerDirectly(command: Command, outcome: WorkerCommandOutcome): Promise<WorkerCommandOutcome | undefined>;
  /** Called before a command goes to the worker: from then on it may have its effect. */
  passOn(commandId: string): void;
  /** The trace that a command belongs to. */
  traceOf(command: Command): TraceContext | undefined;
  /** Aborts when the daemon stops. */
  closing: AbortSignal;
}

/** Forwards the commands of a session to its worker, also when workers die, and has their results written to the log. */
export class CommandForwarder {
  constructor(private readonly deps: CommandForwarderDeps) {}

  /** Executes a command in the worker, which writes its result. Undefined: the daemon stops first. */
  async forward(command: Command): Promise<WorkerCommandOutcome | undefined> {
    const { closing } = this.deps;
    const trace = this.deps.traceOf(command);
    for (;;) {
      const woken = await this.deps.ensureWorker();
      if (woken.kind === 'refused') return this.deps.answerDirectly(command, { ok: false, error: woken.error });
      const { worker, departed } = woken.attached;
      this.deps.passOn(command.commandId);
      const asked = await worker.link.request('command', { command, ...(trace && { trace }) });
      if (asked.kind === 'refused') return this.recordResult(command, { ok: false, error: asked.error });
      if (asked.kind === 'answered' && asked.answer.kind === 'answered') return asked.answer.outcome;
      if (!closing.aborted) await departed;
      if (closing.aborted) return undefined;
      if (asked.kind === 'gone' && asked.sent) return this.recoverLost(command, worker);
    }
  }

  /**
   * Writes the result of a command that the daemon executed, or that was lost, to the session's log. Undefined: the
   * daemon stops before it is written, and the next daemon writes it.
   */
  async recordResult(command: Command, outcome: WorkerCommandOutcome): Promise<WorkerCommandOutcome | undefined> {
    const { closing } = this.deps;
    for (;;) {
      const woken = await this.deps.ensureWorker();
      if (woken.kind === 'refused') return this.deps.answerDirectly(command, outcome);
      const { worker, departed } = woken.attached;
      const asked = await worker.link.request('answer', { command, outcome });
      if (asked.kind === 'answered' && asked.answer === 'written') return outcome;
      if (closing.aborted) return undefined;
      // Only one process writes to the log: the result waits for this worker, or for its end.
      await (asked.kind === 'refused' ? Promise.race([departed, sleep(ASK_AGAIN_MS, closing)]) : departed);
    }
  }

  /** Has the worker copy pi's file up to an entry, for a fork. */
  async branch(entryId: string | undefined): Promise<BranchOutcome> {
    const woken = await this.deps.ensureWorker();
    if (woken.kind === 'refused') return woken;
    const asked = await woken.attached.worker.link.request('branch', entryId === undefined ? {} : { entryId });
    if (asked.kind === 'answered') return { kind: 'ok', ...asked.answer };
    return { kind: 'refused', error: asked.kind === 'refused' ? asked.error : errorInfo('unknown') };
  }

  /** The worker died with a command: the next worker repeats the command, or its result is `unknown`. */
  private async recoverLost(command: Command, before: WorkerHandle): Promise<WorkerCommandOutcome | undefined> {
    const woken = await this.deps.ensureWorker();
    // Only the IPC connection was lost, and there is a new one to the same process.
    if (woken.kind === 'awake' && woken.attached.worker.pid === before.pid) {
      const known = await queryStatus(woken.attached.worker, command.commandId);
      if (known === 'unseen') return this.forward(command);
      if (known !== 'unknown') return { ok: true };
    }
    if (isIdempotent(command) && !(await this.deps.isAnswered(command.commandId))) return this.forward(command);
    return this.recordResult(command, UNKNOWN);
  }
}

/** The status of a command in a worker. */
export async function queryStatus({ link }: WorkerHandle, commandId: string): Promise<CommandStatus> {
  const asked = await link.request('outcome', { commandId });
  return asked.kind === 'answered' ? asked.answer : 'unknown';
}
