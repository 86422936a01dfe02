import {
  errorInfo,
  type Command,
  type CommandOf,
  type EndReason,
  type ErrorInfo,
  type SessionEvent,
} from '@pizzapi/protocol';
import { backoff, sleep, isSameProcess, withTimeout } from '@pizzapi/process';
import { WorkerIpcClient } from '../ipc/client.js';
import type { SessionStart, WorkerCommandOutcome, WorkerSessionState } from '../ipc/messages.js';
import type { WorkerHandle } from '../ipc/startWorker.js';
import { sweepForGood, sweepSession } from '../processes.js';
import { SuspendedSession } from './suspendedSession.js';
import { resumeStart } from './assignment.js';
import { CommandForwarder, queryStatus } from './commandForwarder.js';
import { removeFiles, resultEvent } from './directLogWriter.js';
import { isGone } from './grants.js';
import { GrantRenewer } from './grantRenewal.js';
import type { WorkerAttachment, HostDeps, CommandStatus, WakeOutcome } from './hostTypes.js';
import { statusOf, type HostStatus, type SessionRecord } from './records.js';
import { RestartBudget } from './restarts.js';
import { needsLog, openSession, startedEvent } from './sessionOpening.js';
import { endWorker, STOP_MS, stopForGood } from './workers.js';

/** How long the agent waits until the state of its files is recorded, in ms. */
const RECORD_MS = 15_000;

/** One session of a daemon: suspended, or awake in a worker that this object starts, watches and replaces. */
export class SessionHost {
  /** Its worker, while it has one. Only this object sets it. */
  attached: WorkerAttachment | undefined;
  private waking: Promise<WakeOutcome> | undefined;
  /** A worker died and is being replaced: a caller that needs a worker waits for this. */
  private recovering: Promise<void> | undefined;
  /** The pid of an adopted worker, which has the status of commands of earlier daemons. */
  private adopted: number | undefined;
  private ending = false;
  /** A command ends the session, which may not be open yet. */
  private killing = false;
  /** The state of the files at the start of the session is being recorded. */
  private recorded: Promise<void> = Promise.resolve();
  private readonly budget = new RestartBudget();
  private readonly closing = new AbortController();
  /** The session while it has no worker. */
  readonly suspended: SuspendedSession;
  /** Passes commands to the worker, and their results to the log. */
  readonly forwarder: CommandForwarder;
  private readonly grantRenewer: GrantRenewer;

  constructor(
    private readonly deps: HostDeps,
    private readonly record: SessionRecord,
  ) {
    this.suspended = new SuspendedSession(deps, record, this.closing.signal);
    this.forwarder = new CommandForwarder({
      ensureWorker: () => this.awake(),
      isAnswered: (commandId) => this.suspended.isAnswered(commandId),
      answerDirectly: (command, outcome) => this.answerAlone(command, outcome),
      ...{ passOn: deps.passOn, traceOf: (command: Command) => deps.traces.of(command) },
      closing: this.closing.signal,
    });
    this.grantRenewer = new GrantRenewer(deps, record.sid, this.closing.signal);
  }

  get sid(): string {
    return this.record.sid;
  }

  get isAwake(): boolean {
    return !this.killing && (this.attached !== undefined || this.waking !== undefined);
  }

  /** The session in the status of the runner. */
  get status(): HostStatus {
    return statusOf(this.record, this.attached?.worker);
  }

  get facts(): Readonly<SessionRecord> {
    return this.record;
  }

  /** Starts a new session. When it is refused, nothing is left of it. */
  async start(beginning: SessionStart): Promise<{ kind: 'begun' } | { kind: 'refused'; error: ErrorInfo }> {
    this.recorded = this.deps.states.begin(this.sid, this.record.cwd);
    const woken = await (this.waking = this.startWorker(beginning).finally(() => (this.waking = undefined)));
    if (woken.kind === 'awake') return { kind: 'begun' };
    if (this.killing) return woken;
    if (needsLog(woken.error.code, Date.now() - this.record.startedAt)) {
      void this.end('error', woken.error.message, []);
      return woken;
    }
    if (woken.error.code === 'runner_failed' && (await this.suspended.hasBegun())) {
      this.record.phase = 'hosted';
      this.crashed();
      return { kind: 'begun' };
    }
    this.ending = true;
    await this.killWorker();
    await this.deleteRecord();
    await this.deps.states.remove(this.sid);
    return woken;
  }

  /** Adopts a worker that outlived the previous daemon. */
  async adopt(worker: WorkerHandle): Promise<void> {
    this.adopted = worker.pid;
    this.attach(worker);
    await this.save();
  }

  /** Continues a session without a worker. `atOnce` wakes it: its worker died at work, or left events to send. */
  async resume(atOnce: boolean): Promise<void> {
    // Processes of a worker that died are ended; those of a suspended session may run on.
    if (this.record.worker !== undefined) await sweepSession(this.sid);
    this.record.worker = undefined;
    if (this.record.phase === 'over') return this.finish('ended');
    if (atOnce) await this.recover();
    else await this.suspend();
  }

  /** Ends a session that was suspended for too long. */
  async expire(): Promise<void> {
    await this.end('expired', 'It was idle for too long', []);
  }

  /** The status of a command that an earlier daemon took. Only the worker that received it has the status. */
  async outcomeOf(commandId: string): Promise<CommandStatus> {
    const worker = this.attached?.worker;
    return worker !== undefined && worker.pid === this.adopted ? queryStatus(worker, commandId) : 'unknown';
  }

  /** Writes a refusal to the log of a suspended session, which stays suspended. */
  refuse(command: Command, error: ErrorInfo): Promise<WorkerCommandOutcome | undefined> {
    return this.answerAlone(command, { ok: false, error });
  }

  /** Suspends the session if it is idle, because another one needs its slot. False when it is not. */
  async rest(): Promise<boolean> {
    const { attached } = this;
    if (attached === undefined || this.waking !== undefined) return false;
    const asked = await withTimeout(attached.worker.link.request('rest', {}), STOP_MS);
    if (asked?.kind !== 'answered' || asked.answer !== 'asleep') return false;
    await withTimeout(attached.departed, STOP_MS);
    return !this.isAwake;
  }

  /** Ends the session for good and makes sure that no process of it is left. */
  async kill(command: CommandOf<'kill_session'>): Promise<WorkerCommandOutcome> {
    const { message } = command.args;
    const { attached, waking } = this;
    this.killing = true;
    if (waking === undefined && attached !== undefined) {
      const { commandId } = command;
      const why = message === undefined ? {} : { message };
      if (await stopForGood(attached.worker, { kind: 'kill', commandId, ...why })) {
        await attached.departed;
        return { ok: true };
      }
    }
    this.ending = true;
    await this.killWorker();
    await waking;
    const outcome = await sweepForGood(this.sid);
    await this.end('killed', message, [resultEvent(command, outcome)]);
    return outcome;
  }

  /** Suspends the session because its daemon stops. */
  async shutdown(): Promise<void> {
    this.closing.abort();
    const worker = this.attached?.worker;
    if (worker !== undefined) {
      await Promise.race([
        worker.link.request('stop', { reason: { kind: 'sleep', keepLease: false } }),
        sleep(STOP_MS / 2),
      ]);
      await endWorker(worker, 1_000);
      this.record.worker = undefined;
      if (!this.deps.continuesInterrupted) this.record.activity = 'idle';
    }
    await this.suspended.release();
    await this.save();
  }

  /** Closes the connection to the worker, which runs on: the daemon restarts. */
  detach(): void {
    this.closing.abort();
    this.attached?.worker.link.close();
  }

  private awake(): Promise<WakeOutcome> {
    if (this.recovering !== undefined) return this.recovering.then(() => this.awake());
    if (this.waking !== undefined) return this.waking;
    if (this.attached !== undefined && this.attached.why === undefined) {
      return Promise.resolve({ kind: 'awake', attached: this.attached });
    }
    if (this.ending) return Promise.resolve({ kind: 'refused', error: errorInfo('session_ended') });
    return this.wake();
  }

  private wake(): Promise<WakeOutcome> {
    this.waking ??= (async () => {
      await this.attached?.departed;
      if (this.ending) return { kind: 'refused' as const, error: errorInfo('session_ended') };
      return this.suspended.exclusively(() => this.startWorker(resumeStart(this.record)));
    })().finally(() => (this.waking = undefined));
    return this.waking;
  }

  private recover(): Promise<void> {
    this.recovering ??= this.wakeUntilDone().finally(() => (this.recovering = undefined));
    return this.recovering;
  }

  /** Wakes the session, trying again while the backbone is away; a session that cannot be resumed ends. */
  private async wakeUntilDone(): Promise<void> {
    const pauses = backoff({ minMs: 200, maxMs: 5_000 });
    const { signal } = this.closing;
    while (!signal.aborted && !this.ending) {
      // A command has woken it in the meantime.
      if (this.attached !== undefined && this.attached.why === undefined) return;
      const woken = await this.wake();
      if (woken.kind === 'awake') return;
      if (isGone(woken.error.code)) return this.finish('fenced');
      // Its history is whole: the next command tries once more.
      if (woken.error.code === 'open_timeout') {
        this.warn('open_timeout', `The worker of session ${this.sid} died, and the session did not open again`);
        return this.suspend();
      }
      if (woken.error.code !== 'unavailable' && !this.budget.crashed(Date.now())) {
        return this.end('error', woken.error.message, []);
      }
      await sleep(pauses.next(), signal);
    }
  }

  private async startWorker(beginning: SessionStart): Promise<WakeOutcome> {
    const opened = await openSession(this.deps, this.record, beginning, {
      signal: this.closing.signal,
      isKilled: () => this.killing,
      attach: async (worker) => {
        const attached = this.attach(worker);
        await this.save();
        // Before the agent can change a file.
        await withTimeout(this.recorded, RECORD_MS);
        return attached;
      },
    });
    if (opened.kind === 'opened') {
      this.applyWorkerState(opened.attached, opened.state);
      this.suspended.handOver();
      return { kind: 'awake', attached: opened.attached };
    }
    await this.killWorker();
    return opened;
  }

  private attach(worker: WorkerHandle): WorkerAttachment {
    const { pid, start, socket, link, pi } = worker;
    const attached: WorkerAttachment = (this.attached = { worker, departed: Promise.resolve() });
    this.deps.metrics.workers.follow(attached);
    this.record.worker = { pid, start, socket, pi };
    attached.departed = link.closed.then(() => this.departed(attached));
    link.listen((notice) => {
      if (notice.type === 'state' || (notice.type === 'hello' && notice.state !== undefined))
        this.applyWorkerState(attached, notice.state!);
      else if (notice.type === 'locked_out') void this.renewGrant(attached);
      else if (notice.type === 'opening') attached.step = notice.step;
      else if (notice.type === 'leaving') attached.why = notice.why;
    });
    return attached;
  }

  /** The login of a worker is refused: fetches a new grant, unless another host has the session by now. */
  private async renewGrant({ worker }: WorkerAttachment): Promise<void> {
    const outcome = await this.grantRenewer.renew((grant) => worker.link.request('grant', { grant }));
    if (outcome !== 'gone' || this.attached?.worker !== worker) return;
    this.ending = true;
    await this.killWorker();
    await this.finish('fenced');
  }

  private applyWorkerState(attached: WorkerAttachment, state: WorkerSessionState): void {
    const { file, model, name, thinkingLevel, epoch, activity, spool, no = Infinity } = state;
    if (no < (attached.stateNo ?? 0)) return;
    if (state.no !== undefined) attached.stateNo = state.no;
    attached.isPaused = spool.full;
    if (spool.full) this.warn('spool_full', `Session ${this.sid} is paused`);
    const endsTurn = this.record.activity === 'working' && activity === 'idle';
    Object.assign(this.record, { file, model, name, thinkingLevel, epoch, activity, phase: 'hosted' });
    if (endsTurn) void this.deps.states.endTurn(this.sid);
    this.record.lastActivityAt = Date.now();
    void this.save();
  }

  /** The IPC connection of a worker is closed: the worker stopped, or it died. */
  private async departed(attached: WorkerAttachment): Promise<void> {
    const { worker, why } = attached;
    if (this.attached !== attached) return;
    if (this.closing.signal.aborted) return;
    if (why === undefined && (await isSameProcess(worker.pid, worker.start))) {
      const link = await WorkerIpcClient.connect(worker.socket);
      if (link !== undefined) return void this.attach({ ...worker, link });
    }
    await endWorker(worker, why === undefined ? 0 : 3_000);
    // Before another worker starts, whose processes must not be ended.
    if (why === undefined) await sweepSession(this.sid);
    if (this.attached !== attached) return;
    this.attached = undefined;
    this.record.worker = undefined;
    // The caller that started or ended this worker handles its end.
    if (this.ending || (why === undefined && this.waking !== undefined)) return;
    if (why === 'asleep') await this.suspend();
    else if (why === 'ended') await this.finish('ended');
    // A newer epoch exists. The session may be granted to this host again; otherwise the claim is refused.
    else if (why === 'fenced') void this.recover();
    else this.crashed();
  }

  private crashed(): void {
    const { log, metrics } = this.deps;
    log.warn({ sid: this.sid }, 'worker died');
    if (this.budget.crashed(Date.now())) {
      metrics.workerRestarts.inc();
      this.warn('runner_failed', `The worker of session ${this.sid} died and was restarted`);
      void this.recover();
    } else void this.end('error', 'The worker process died repeatedly', []);
  }

  /** Ends the worker and every process of its session. */
  private async killWorker(): Promise<void> {
    const { attached } = this;
    this.attached = undefined;
    this.record.worker = undefined;
    if (attached === undefined) return;
    attached.worker.link.close();
    await endWorker(attached.worker, 0);
    await sweepSession(this.sid);
  }

  /** Suspends the session until a command wakes it. */
  private async suspend(): Promise<void> {
    this.record.activity = 'idle';
    await this.save();
    const held = await this.suspended.holdLease(() => this.attached === undefined && this.waking === undefined);
    if (held === 'fenced') await this.finish('fenced');
    else await this.save();
  }

  private async answerAlone(
    command: Command,
    outcome: WorkerCommandOutcome,
  ): Promise<WorkerCommandOutcome | undefined> {
    const { ended, publisher } = this.deps;
    if (this.ending) {
      const isRecorded = await this.suspended.exclusively(() => ended.record(this.sid, command, outcome));
      return isRecorded || (await publisher.publishResult(command, outcome)) ? outcome : undefined;
    }
    if (await this.suspended.isAnswered(command.commandId)) return outcome;
    const write = () => this.suspended.write([resultEvent(command, outcome)]);
    const written = await this.suspended.exclusively(async () => (this.attached === undefined ? write() : 'awake'));
    // Another caller woke it in the meantime.
    if (written === 'awake') return this.forwarder.recordResult(command, outcome);
    if (written === 'stopped') return undefined;
    if (written === 'fenced') await this.finish('fenced');
    else await this.suspend();
    return outcome;
  }

  /** Writes the end of a session that has no worker. */
  private async end(reason: EndReason, message: string | undefined, before: SessionEvent[]): Promise<void> {
    this.ending = true;
    const isUnopened = this.record.phase === 'starting' && !(await this.suspended.hasBegun());
    const written = await this.suspended.exclusively(() =>
      isUnopened
        ? this.suspended.endUnopened(startedEvent(this.deps, this.record), reason, message, before)
        : this.suspended.end(reason, message, before),
    );
    if (written !== 'stopped') await this.finish(written === 'done' ? 'ended' : written);
  }

  /** The session is over: its spool is sent first, then its record and files are deleted. */
  private async finish(reason: 'ended' | 'fenced'): Promise<void> {
    this.ending = true;
    await this.suspended.release();
    if (reason === 'ended') {
      this.record.phase = 'over';
      await this.save();
      if ((await this.suspended.flush()) === 'stopped') return;
    }
    const isErased = this.deps.erased.has(this.sid);
    await this.deps.ended.keepUnless(this.record, isErased);
    if (isErased) await this.deps.states.remove(this.sid);
    await this.deleteRecord();
    this.deps.publisher.publish({ type: 'session_closed', sessionId: this.sid, reason });
  }

  private warn(...warning: Parameters<typeof errorInfo>): void {
    this.deps.publisher.publish({ type: 'runner_warning', ...errorInfo(...warning) });
  }

  private async deleteRecord(): Promise<void> {
    const { home, records, onOver } = this.deps;
    await records.remove(this.sid);
    await removeFiles(home, this.sid);
    onOver(this.sid);
  }

  private async save(): Promise<void> {
    if (!this.ending || this.record.phase === 'over') await this.deps.records.save(this.record);
  }
}
