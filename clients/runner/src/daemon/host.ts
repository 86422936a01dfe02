import {
  CodedError,
  errorInfo,
  toErrorInfo,
  type Command,
  type CommandOf,
  type EndReason,
  type ErrorInfo,
  type SessionEvent,
} from '@pizzapi/protocol';
import { backoff, sleep } from '@pizzapi/process';
import { LinkClient } from '../link/client.js';
import type { Beginning, CommandOutcome, SessionState } from '../link/messages.js';
import { isSameProcess, sweepForGood, sweepSession } from '../processes.js';
import { Absence } from './absence.js';
import { assignmentOf, resumption } from './assigning.js';
import { CommandCarrier, outcomeIn } from './carrier.js';
import { removeFiles, resultEvent } from './closing.js';
import { claimSoon, isGone } from './grants.js';
import { Readmission } from './readmission.js';
import type { Attached, HostDeps, Known, Woken } from './hostParts.js';
import type { SessionRecord } from './records.js';
import { RestartBudget } from './restarts.js';
import { endWorker, type WorkerHandle } from './workers.js';

/** How long a worker may take to stop its session before it is killed, in ms: dialogs, queue, agent, shell, log. */
const STOP_MS = 15_000;

/** One session as its daemon has it: asleep, or awake in a worker that is started, watched and replaced here. */
export class SessionHost {
  private attached: Attached | undefined;
  private waking: Promise<Woken> | undefined;
  /** A worker died and is replaced: who wants one waits for that. */
  private recovering: Promise<void> | undefined;
  /** The process that was adopted: it knows the commands of earlier daemons. */
  private adopted: number | undefined;
  private ending = false;
  private readonly budget = new RestartBudget();
  private readonly closing = new AbortController();
  private readonly absence: Absence;
  private readonly carrier: CommandCarrier;
  private readonly readmission: Readmission;

  constructor(
    private readonly deps: HostDeps,
    private readonly record: SessionRecord,
  ) {
    this.absence = new Absence(deps, record, this.closing.signal);
    this.carrier = new CommandCarrier({
      awake: () => this.awake(),
      isAnswered: (commandId) => this.isAnswered(commandId),
      answerAlone: (command, outcome) => this.answerAlone(command, outcome),
      closing: this.closing.signal,
    });
    this.readmission = new Readmission(deps, record.sid, this.closing.signal);
  }

  get sid(): string {
    return this.record.sid;
  }

  get isAwake(): boolean {
    return this.attached !== undefined || this.waking !== undefined;
  }

  /** What the runner's status tells of the session. */
  get status(): { sid: string; cwd: string; state: string; pid?: number; lastActivityAt: number } {
    const { sid, cwd, activity, lastActivityAt } = this.record;
    const pid = this.attached?.worker.pid;
    const state = pid === undefined ? 'asleep' : activity;
    return { sid, cwd, state, lastActivityAt, ...(pid === undefined ? {} : { pid }) };
  }

  get facts(): Readonly<SessionRecord> {
    return this.record;
  }

  /** Starts a new session. Refused, nothing is left of it. */
  async begin(beginning: Beginning): Promise<{ kind: 'begun' } | { kind: 'refused'; error: ErrorInfo }> {
    this.waking = this.start(beginning).finally(() => (this.waking = undefined));
    const woken = await this.waking;
    if (woken.kind === 'awake') return { kind: 'begun' };
    if (woken.error.code === 'runner_failed' && (await this.absence.hasBegun())) {
      this.record.phase = 'hosted';
      this.crashed();
      return { kind: 'begun' };
    }
    this.ending = true;
    await this.dismiss();
    await this.forget();
    return woken;
  }

  /** Whether there is a session at all, after a daemon that died while it began. */
  hasBegun(): Promise<boolean> {
    return this.absence.hasBegun();
  }

  /** Takes up a session whose worker outlived the daemon before this one. */
  async adopt(worker: WorkerHandle): Promise<void> {
    this.adopted = worker.pid;
    this.attach(worker);
    await this.save();
  }

  /** Takes up a session without a worker; `atOnce` wakes it: it died at work, or has something to send. */
  async resume(atOnce: boolean): Promise<void> {
    // What a worker that died has left goes; what a session left running when it went to sleep may stay.
    if (this.record.worker !== undefined) await sweepSession(this.sid);
    this.record.worker = undefined;
    if (this.record.phase === 'over') return this.finish('ended');
    if (atOnce) await this.recover();
    else await this.rest();
  }

  /** Ends a session that slept for too long. */
  async expire(): Promise<void> {
    await this.end('expired', 'Nobody came back to it', []);
  }

  /** Carries a command out in the worker, which writes its result. Undefined: the daemon stops, nobody knows. */
  command(command: Command): Promise<CommandOutcome | undefined> {
    return this.carrier.carry(command);
  }

  /** Whether the result of a command is in the log or on its way there. */
  isAnswered(commandId: string): Promise<boolean> {
    return this.absence.isAnswered(commandId);
  }

  /** What became of a command that an earlier daemon took. Only the process that had it in its hands can tell. */
  async outcomeOf(commandId: string): Promise<Known> {
    const worker = this.attached?.worker;
    return worker !== undefined && worker.pid === this.adopted ? outcomeIn(worker, commandId) : 'unknown';
  }

  /** Writes the result of a command that the daemon carried out to the session's log. Undefined: the daemon stops. */
  settle(command: Command, outcome: CommandOutcome): Promise<CommandOutcome | undefined> {
    return this.carrier.settle(command, outcome);
  }

  /** The first half of a fork: pi's file with the story so far. */
  async branch(
    entryId: string | undefined,
  ): Promise<{ kind: 'ok'; file?: string; seq: number } | { kind: 'refused'; error: ErrorInfo }> {
    const woken = await this.awake();
    if (woken.kind === 'refused') return woken;
    const asked = await woken.attached.worker.link.ask('branch', entryId === undefined ? {} : { entryId });
    if (asked.kind === 'answered') return { kind: 'ok', ...asked.answer };
    return { kind: 'refused', error: asked.kind === 'refused' ? asked.error : errorInfo('unknown') };
  }

  /** Ends the session for good and makes sure that no process of it is left. */
  async kill(command: CommandOf<'kill_session'>): Promise<CommandOutcome> {
    const { message } = command.args;
    await this.waking;
    const { attached } = this;
    if (attached !== undefined) {
      const { commandId } = command;
      const why = message === undefined ? {} : { message };
      const asking = attached.worker.link.ask('stop', { reason: { kind: 'kill', commandId, ...why } });
      const asked = await Promise.race([asking, sleep(STOP_MS)]);
      if (asked?.kind === 'answered') {
        await attached.departed;
        return { ok: true };
      }
      this.ending = true;
      await this.dismiss();
    }
    const outcome = await sweepForGood(this.sid);
    await this.end('killed', message, [resultEvent(command, outcome)]);
    return outcome;
  }

  /** Puts the session to sleep while its daemon stops. */
  async shutdown(): Promise<void> {
    this.closing.abort();
    const worker = this.attached?.worker;
    if (worker !== undefined) {
      await Promise.race([
        worker.link.ask('stop', { reason: { kind: 'sleep', keepLease: false } }),
        sleep(STOP_MS / 2),
      ]);
      await endWorker(worker, 1_000);
      this.record.worker = undefined;
      this.record.activity = 'idle';
    }
    await this.absence.release();
    await this.save();
  }

  /** Lets go of the session without touching its worker: the daemon restarts. */
  detach(): void {
    this.closing.abort();
    this.attached?.worker.link.close();
  }

  private awake(): Promise<Woken> {
    if (this.recovering !== undefined) return this.recovering.then(() => this.awake());
    if (this.waking !== undefined) return this.waking;
    if (this.attached !== undefined && this.attached.why === undefined) {
      return Promise.resolve({ kind: 'awake', attached: this.attached });
    }
    if (this.ending) return Promise.resolve({ kind: 'refused', error: errorInfo('session_ended') });
    return this.wake();
  }

  private wake(): Promise<Woken> {
    this.waking ??= (async () => {
      await this.attached?.departed;
      if (this.ending) return { kind: 'refused' as const, error: errorInfo('session_ended') };
      return this.absence.alone(() => this.start(resumption(this.record)));
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
      // A command has woken it meanwhile.
      if (this.attached !== undefined && this.attached.why === undefined) return;
      const woken = await this.wake();
      if (woken.kind === 'awake') return;
      if (isGone(woken.error.code)) return this.finish('fenced');
      if (woken.error.code !== 'unavailable' && !this.budget.crashed(Date.now())) {
        return this.end('error', woken.error.message, []);
      }
      await sleep(pauses.next(), signal);
    }
  }

  private async start(beginning: Beginning): Promise<Woken> {
    const { pool, home, log } = this.deps;
    const { sid } = this;
    try {
      const grant = await claimSoon(this.deps, sid, this.closing.signal);
      if (grant.kind === 'refused') return { kind: 'refused', error: { code: grant.code, message: grant.message } };
      this.record.userId = grant.userId;
      const worker = await pool.take(home.log(sid));
      const attached = this.attach(worker);
      await this.save();
      const assignment = assignmentOf(this.record, grant, this.deps, beginning);
      const asked = await worker.link.ask('assign', { assignment });
      pool.refill();
      if (asked.kind === 'answered') {
        this.learn(asked.answer);
        this.absence.handOver();
        return { kind: 'awake', attached };
      }
      const error = asked.kind === 'refused' ? asked.error : errorInfo('runner_failed', 'The worker process died');
      await this.dismiss();
      return { kind: 'refused', error };
    } catch (error) {
      log.error({ sid, err: error }, 'a session did not start');
      if (error instanceof CodedError) return { kind: 'refused', error: toErrorInfo(error) };
      return { kind: 'refused', error: errorInfo('runner_failed', String(error)) };
    }
  }

  private attach(worker: WorkerHandle): Attached {
    const { pid, start, socket, link } = worker;
    const attached: Attached = { worker, departed: Promise.resolve() };
    this.attached = attached;
    this.record.worker = { pid, start, socket };
    attached.departed = link.closed.then(() => this.departed(attached));
    link.listen((notice) => {
      if (notice.type === 'state' || (notice.type === 'hello' && notice.state !== undefined)) this.learn(notice.state!);
      else if (notice.type === 'locked_out') void this.readmit(attached);
      else if (notice.type === 'leaving') attached.why = notice.why;
    });
    return attached;
  }

  /** A worker's login is refused: it gets another one, unless the session is another host's by now. */
  private async readmit({ worker }: Attached): Promise<void> {
    const outcome = await this.readmission.run(worker.link);
    if (outcome !== 'gone' || this.attached?.worker !== worker) return;
    this.ending = true;
    await this.dismiss();
    await this.finish('fenced');
  }

  private learn(state: SessionState): void {
    const { file, model, name, thinkingLevel, epoch, activity, spool } = state;
    if (spool.full)
      this.deps.announcer.say({ type: 'runner_warning', ...errorInfo('spool_full', `Session ${this.sid} is paused`) });
    Object.assign(this.record, { file, model, name, thinkingLevel, epoch, activity, phase: 'hosted' });
    this.record.lastActivityAt = Date.now();
    void this.save();
  }

  /** A worker's link is closed: it left as it said, or it died. */
  private async departed(attached: Attached): Promise<void> {
    const { worker, why } = attached;
    if (this.attached !== attached) return;
    if (this.closing.signal.aborted) return;
    if (why === undefined && (await isSameProcess(worker.pid, worker.start))) {
      const link = await LinkClient.connect(worker.socket);
      if (link !== undefined) return void this.attach({ ...worker, link });
    }
    await endWorker(worker, why === undefined ? 0 : 3_000);
    // While nobody takes its place: what its successor starts is not to be swept with what it left.
    if (why === undefined) await sweepSession(this.sid);
    if (this.attached !== attached) return;
    this.attached = undefined;
    this.record.worker = undefined;
    // Whoever started or dismissed this worker deals with its end.
    if (this.ending || (why === undefined && this.waking !== undefined)) return;
    if (why === 'asleep') await this.rest();
    else if (why === 'ended') await this.finish('ended');
    // A newer epoch exists. It is ours again when it was only taken because we were away; else we are told.
    else if (why === 'fenced') void this.recover();
    else this.crashed();
  }

  private crashed(): void {
    const { log, announcer, meters } = this.deps;
    log.warn({ sid: this.sid }, 'a worker died');
    if (this.budget.crashed(Date.now())) {
      meters.workerRestarts.inc();
      announcer.say({
        type: 'runner_warning',
        ...errorInfo('runner_failed', `The worker of session ${this.sid} died and is started again`),
      });
      void this.recover();
    } else void this.end('error', 'The worker process died again and again', []);
  }

  /** Ends a worker that is of no use. */
  private async dismiss(): Promise<void> {
    const { attached } = this;
    this.attached = undefined;
    this.record.worker = undefined;
    if (attached === undefined) return;
    attached.worker.link.close();
    await endWorker(attached.worker, 0);
    await sweepSession(this.sid);
  }

  /** Sleeps, until a command wakes it. */
  private async rest(): Promise<void> {
    this.record.activity = 'idle';
    await this.save();
    const held = await this.absence.hold(() => this.attached === undefined && this.waking === undefined);
    if (held === 'fenced') await this.finish('fenced');
    else await this.save();
  }

  private async answerAlone(command: Command, outcome: CommandOutcome): Promise<CommandOutcome | undefined> {
    if (this.ending) {
      this.deps.announcer.say({ type: 'command_result', commandId: command.commandId, name: command.name, ...outcome });
      return outcome;
    }
    if (await this.absence.isAnswered(command.commandId)) return outcome;
    const write = () => this.absence.write([resultEvent(command, outcome)]);
    const written = await this.absence.alone(async () => (this.attached === undefined ? write() : 'awake'));
    // Somebody else could wake it.
    if (written === 'awake') return this.settle(command, outcome);
    if (written === 'stopped') return undefined;
    if (written === 'fenced') await this.finish('fenced');
    else await this.rest();
    return outcome;
  }

  /** Writes the end of a session that has no worker. */
  private async end(reason: EndReason, message: string | undefined, before: SessionEvent[]): Promise<void> {
    this.ending = true;
    const written = await this.absence.alone(() => this.absence.end(reason, message, before));
    if (written !== 'stopped') await this.finish(written === 'done' ? 'ended' : written);
  }

  /** The session is over: what is still spooled is sent first, then nothing is left of it here. */
  private async finish(reason: 'ended' | 'fenced'): Promise<void> {
    this.ending = true;
    await this.absence.release();
    if (reason === 'ended') {
      this.record.phase = 'over';
      await this.save();
      if ((await this.absence.flush()) === 'stopped') return;
    }
    await this.forget();
    this.deps.announcer.say({ type: 'session_closed', sessionId: this.sid, reason });
  }

  private async forget(): Promise<void> {
    const { home, records, onOver } = this.deps;
    await records.remove(this.sid);
    await removeFiles(home, this.sid);
    onOver(this.sid);
  }

  private async save(): Promise<void> {
    if (!this.ending || this.record.phase === 'over') await this.deps.records.save(this.record);
  }
}
