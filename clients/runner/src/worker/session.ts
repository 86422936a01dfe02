import { join } from 'node:path';
import {
  getBlobVia,
  hasResult,
  holdLease,
  idsAfter,
  lastEvent,
  linkModes,
  openWriter,
  putBlobVia,
  seqBefore,
  serveRpc,
  type Backbone,
  type SessionCaller,
  type Lease,
  type SessionWriter,
} from '@pizzapi/backbone';
import {
  BoundedMap,
  CodedError,
  encode,
  errorInfo,
  guestsIn,
  LINK_ENDS,
  subjects,
  type Author,
  type Command,
  type GuestRef,
  type SessionEvent,
  type UnnumberedDelta,
  type TraceContext,
} from '@pizzapi/protocol';
import { noTracing, sleep } from '@pizzapi/process';
import type {
  Assignment,
  WorkerCommandOutcome,
  WorkerFigures,
  WorkerSessionState,
  StopReason,
} from '../ipc/messages.js';
import type { PiSession } from '../pi/index.js';
import { plainCounts } from '../plainCounts.js';
import { sweepForGood, sweepSession } from '../processes.js';
import { BlobSpool } from './blobSpool.js';
import { connectSession } from './connection.js';
import { CommandExecutor } from './commandHandlers.js';
import { notice, piStatus } from './notices.js';
import { EventPipeline } from './eventPipeline.js';
import { RunTraces } from './runTraces.js';
import type { WorkerEndReason, WorkerSessionDeps } from './sessionDeps.js';
import { SpoolDeduplicator } from './spoolDeduplicator.js';
import { StateReporter } from './stateReporter.js';

/** How long the first event waits for the lease, in ms: without a backbone there is none. */
const LEASE_FIRST_MS = 1_000;
/** How long the last events of a session may take to the log when its worker stops, in ms; then they stay spooled. */
const SETTLE_MS = 3_000;
/** How long the bytes of an attachment may take to come, in ms. */
const BLOB_READ_MS = 60_000;
/** How many answered commands are remembered for a daemon that asks. */
const REMEMBERED = 1_000;

/** The parts of a session that runs. */
interface Parts {
  backbone: Backbone;
  /** What the connection shows when it is made again. */
  login: { grant: string };
  /** Whose log, blobs and grants this worker may ask for: its session's. */
  caller: SessionCaller;
  said: SpoolDeduplicator;
  writer: SessionWriter;
  pi: PiSession;
  pipe: EventPipeline;
  blobs: BlobSpool;
  traces: RunTraces;
}

/** One session in its worker: the agent on one side, the log on the other, commands in between. */
export class WorkerSession {
  private readonly runner: CommandExecutor;
  private readonly outcomes = new BoundedMap<string, 'working' | 'answered'>(REMEMBERED);
  private readonly reporter: StateReporter;
  private lease: Lease | undefined;
  private stopPartial: () => void = () => undefined;
  private leaving = false;
  private paused = false;
  private isOutdated = false;
  private lastActivityAt = Date.now();

  private constructor(
    private readonly assignment: Assignment,
    private readonly deps: WorkerSessionDeps,
    private readonly parts: Parts,
  ) {
    const { pi, backbone, caller, writer } = parts;
    const { attachmentsDir } = assignment;
    const readBlob = async (hash: string) => {
      const patience = AbortSignal.timeout(BLOB_READ_MS);
      return (await getBlobVia(backbone, caller, hash, { signal: patience }))?.bytes;
    };
    const linkMode = async (by: Author) => {
      const [mode = 'revoked'] = await linkModes(backbone, caller, guestsIn(by, assignment.sid));
      return mode;
    };
    this.reporter = new StateReporter({ assignment, pi, writer, onState: (state) => deps.onState(state) });
    const { parentSessionId } = assignment.beginning;
    const emit = (event: SessionEvent) => this.emit(event);
    this.runner = new CommandExecutor({ pi, emit, attachmentsDir, readBlob, linkMode, parentSessionId });
  }

  /**
   * Takes the session over and begins or resumes it. When this resolves, its first event is in the log or on disk.
   * Throws `fenced` when another host has it, and what pi says of a model or file it cannot use.
   */
  static async begin(assignment: Assignment, deps: WorkerSessionDeps): Promise<WorkerSession> {
    const { sid, epoch, spoolDir } = assignment;
    const { natsUrl, log } = deps;
    // Events are dropped until the session exists, because there is no log before.
    let session: WorkerSession | undefined;
    const sink = {
      event: (event: SessionEvent) => session?.emit(event),
      delta: (delta: UnnumberedDelta) => session?.parts.writer.publishDelta(delta),
    };
    const login = { grant: assignment.grant };
    const connecting = connectSession(natsUrl, assignment, () => login.grant, log);
    // The rejection is handled below, also when pi refuses first.
    connecting.catch(() => undefined);
    let pi: PiSession | undefined;
    try {
      const caller = { kind: 'session', sid } as const;
      const linkEnd = async (guests: readonly GuestRef[]) => {
        const modes = await linkModes(await connecting, caller, guests);
        return LINK_ENDS.find((end) => modes.includes(end));
      };
      const onShutdownRequested = () => deps.onShutdownRequested();
      const onStep = (doing: string) => deps.onStep({ doing, waitsFor: 'agent' });
      pi =
        deps.agent.kind === 'running'
          ? deps.agent.share(sink)
          : await deps.agent.open(assignment, { sink, linkEnd, onShutdownRequested, onStep }, log);
      deps.onStep({ doing: 'connecting to nats-server', waitsFor: 'log' });
      const backbone = await connecting;
      const storedIds = (after: number) => idsAfter(backbone, caller, after);
      const said = SpoolDeduplicator.fromSpool(spoolDir, sid);
      const writer = await openWriter(backbone, { sid, epoch, spoolDir, log, storedIds, resumed: { pi: deps.pi } });
      // Read now, because it may be sent at once.
      const hasLeftover = writer.spool().events > 0;
      const store = (bytes: Uint8Array, type: string) => putBlobVia(backbone, caller, bytes, type);
      const blobs = new BlobSpool(join(spoolDir, `${sid}.blobs`), store, log);
      const traces = new RunTraces(deps.tracing ?? noTracing, sid);
      const traceOf = (event: SessionEvent) => traces.contextOf(event);
      const pipe = new EventPipeline({ writer, blobs, log, traceOf, onFull: (full) => session?.pause(full) });
      session = new WorkerSession(assignment, deps, { backbone, login, caller, said, writer, pi, pipe, blobs, traces });
      backbone.onRefused(() => deps.onRefused());
      await session.open(hasLeftover);
      return session;
    } catch (error) {
      await pi?.dispose();
      await connecting.then(
        (backbone) => backbone.close(),
        () => undefined,
      );
      throw error;
    }
  }

  state(): WorkerSessionState {
    return this.reporter.state();
  }

  /** What its connection to the backbone has counted, and what waits there. */
  counts(): WorkerFigures {
    const { backbone, writer } = this.parts;
    return { ...plainCounts(backbone.counters), sid: this.assignment.sid, spoolBytes: writer.spool().bytes };
  }

  /** Whether the session was idle for as long as the assignment allows, or for `idleMs`, and its spool is empty. */
  isSleepy(now: number, idleMs = this.assignment.idleMs): boolean {
    if (this.reporter.isBusy() || this.parts.writer.spool().events > 0 || this.leaving) return false;
    return now - this.lastActivityAt >= idleMs;
  }

  /** Executes a command and writes its result. `asleep`: the session stops and did nothing. */
  async command(
    command: Command,
    trace?: TraceContext,
  ): Promise<{ kind: 'answered'; outcome: WorkerCommandOutcome } | { kind: 'asleep' }> {
    if (this.leaving) return { kind: 'asleep' };
    if (trace !== undefined) this.parts.traces.begin(command.commandId, trace);
    this.outcomes.set(command.commandId, 'working');
    this.lastActivityAt = Date.now();
    const outcome: WorkerCommandOutcome = this.paused
      ? { ok: false, error: errorInfo('spool_full') }
      : await this.runner.run(command);
    this.writeResult(command, outcome);
    return { kind: 'answered', outcome };
  }

  outcomeOf(commandId: string): 'unseen' | 'working' | 'answered' {
    return this.outcomes.get(commandId) ?? 'unseen';
  }

  /** Writes the result of a command that the daemon executed or lost, unless the log has one already. */
  async answer(command: Command, outcome: WorkerCommandOutcome): Promise<'written' | 'asleep'> {
    const { commandId } = command;
    if (this.outcomeOf(commandId) !== 'unseen') return 'written';
    if (this.leaving) return 'asleep';
    this.outcomes.set(commandId, 'working');
    try {
      await this.parts.writer.settled();
      const { backbone, caller } = this.parts;
      if (await hasResult(backbone, caller, commandId)) this.outcomes.set(commandId, 'answered');
      else if (this.leaving) return 'asleep';
      else this.writeResult(command, outcome);
      return 'written';
    } finally {
      if (this.outcomeOf(commandId) === 'working') this.outcomes.delete(commandId);
    }
  }

  /** Shows that its pi was replaced, until the session rests; with an empty text no more. */
  showOutdated(text: string): void {
    if (this.leaving) return;
    this.isOutdated = text !== '';
    this.emit(piStatus(text));
  }

  /** Sets the grant for the next attempt to connect. */
  takeGrant(grant: string): void {
    this.parts.login.grant = grant;
  }

  /** Copies the history so far into a file for a fork. Throws the error of the agent. */
  async branch(entryId: string | undefined): Promise<{ file?: string; seq: number }> {
    const forked = this.parts.pi.fork(entryId);
    if (forked.kind === 'failed') throw new CodedError(forked.error.code, forked.error.message);
    const { backbone, caller } = this.parts;
    const at = entryId === undefined ? undefined : await seqBefore(backbone, caller, entryId);
    const seq = at ?? (await lastEvent(backbone, this.assignment.sid))?.seq ?? 0;
    return { seq, ...(forked.sessionFile === undefined ? {} : { file: forked.sessionFile }) };
  }

  /** Stops the session: for a while, or for good. Bounded in time. */
  async stop(reason: StopReason | WorkerEndReason): Promise<void> {
    if (this.leaving) return;
    this.leaving = true;
    const { pi, pipe, writer, blobs } = this.parts;
    const { sid } = this.assignment;
    if (this.isOutdated) this.emit(piStatus(''));
    this.reporter.stop();
    await pi.dispose({ permanently: reason.kind === 'kill' });
    if (reason.kind === 'kill') {
      const outcome = await sweepForGood(sid, [process.pid]);
      this.emit({
        type: 'command_result',
        at: Date.now(),
        commandId: reason.commandId,
        name: 'kill_session',
        ...outcome,
      });
      const { message } = reason;
      const why = message === undefined ? {} : { message };
      this.emit({ type: 'session_ended', at: Date.now(), reason: 'killed', ...why });
    } else if (reason.kind === 'end') {
      const { kind: _kind, ...said } = reason;
      this.emit({ type: 'session_ended', at: Date.now(), ...said });
    }
    await Promise.race([pipe.flushed(), sleep(SETTLE_MS)]);
    await Promise.race([writer.settled(), sleep(SETTLE_MS)]);
    await blobs.settled(SETTLE_MS);
    blobs.stop();
    this.stopPartial();
    this.parts.traces.stop();
    if (reason.kind !== 'sleep' || !reason.keepLease) await this.lease?.release();
    await writer.close();
  }

  private async open(hasLeftover: boolean): Promise<void> {
    const { log } = this.deps;
    const { sid, userId, runnerId, epoch, beginning } = this.assignment;
    const { backbone, writer, pi, blobs } = this.parts;
    await blobs.start();
    // The lease before the first event: a reader of that event sees a session with a host.
    await Promise.race([this.holdLease(), sleep(LEASE_FIRST_MS)]);
    const at = Date.now();
    if (beginning.kind === 'new') {
      const { resumedFrom, parentSessionId, forkedFrom, startedBy } = beginning;
      this.emit({
        type: 'session_started',
        ...{ at, cwd: pi.cwd, name: pi.name(), model: pi.model(), runnerId, userId, epoch, piVersion: pi.piVersion },
        pi: this.deps.pi,
        ...(resumedFrom === undefined ? {} : { resumedFrom }),
        ...(parentSessionId === undefined ? {} : { parentSessionId }),
        ...(forkedFrom === undefined ? {} : { forkedFrom }),
        ...(startedBy === undefined ? {} : { startedBy }),
      });
      // A session that continues a file, or a terminal's, begins with what happened before.
      if (beginning.file !== undefined || beginning.branch !== undefined || this.deps.agent.kind === 'running')
        for (const event of pi.history()) this.emit(event);
      // What an earlier worker left comes with a `session_resumed` of its own.
    } else if (!hasLeftover) this.emit({ type: 'session_resumed', at, epoch, pi: this.deps.pi });
    for (const event of this.deps.missed?.() ?? []) this.emit(event);
    writer.onFenced(() => this.fenced());
    writer.onSpool(() => this.reporter.look());
    this.stopPartial = serveRpc(backbone, subjects.sessionPartial(sid), () =>
      encode({ n: writer.deltaN(), ...pi.openBlocks() }),
    );
    this.deps.onStep({ doing: 'starting the extensions of pi', waitsFor: 'agent' });
    pi.start().catch((error: unknown) => log.error({ err: error }, 'extensions did not start'));
    if (beginning.kind === 'new') this.firstPrompt(beginning);
    await this.parts.pipe.flushed();
  }

  private firstPrompt(beginning: Extract<Assignment['beginning'], { kind: 'new' }>): void {
    const { prompt, attachments, commandId, by, trace } = beginning;
    if (trace !== undefined) this.parts.traces.begin(commandId, trace);
    const text = prompt ?? '';
    if (text.trim() === '' && (attachments ?? []).length === 0) return;
    const at = Date.now();
    const args = { text, ...(attachments === undefined ? {} : { attachments }) };
    const command: Command = { commandId, name: 'input', args, by, at, expiresAt: at, sessionId: this.assignment.sid };
    // The result of `new_session` is an event of the runner. A refusal of its input is shown in the session.
    void this.runner.run(command).then((outcome) => {
      if (outcome.ok) return;
      this.emit(notice(outcome.error.message, 'error'));
    });
  }

  private async holdLease(): Promise<void> {
    const { log } = this.deps;
    const { sid, epoch } = this.assignment;
    while (!this.leaving) {
      try {
        const outcome = await holdLease(this.parts.backbone, `session.${sid}`, { epoch });
        if (outcome.kind === 'taken') return;
        this.lease = outcome.lease;
        return;
      } catch (error) {
        log.warn({ err: error }, 'lease of the session is not held yet; retrying');
        await sleep(1_000);
      }
    }
  }

  private emit(event: SessionEvent): void {
    if (event.type === 'agent_start' || event.type === 'message_end') this.lastActivityAt = Date.now();
    if (!this.parts.said.isDuplicate(event)) this.parts.pipe.push(event);
    if (event.type === 'agent_start') this.reporter.report();
    this.reporter.look();
  }

  private writeResult({ commandId, name }: Command, outcome: WorkerCommandOutcome): void {
    this.emit({ type: 'command_result', at: Date.now(), commandId, name, ...outcome });
    this.outcomes.set(commandId, 'answered');
    this.lastActivityAt = Date.now();
  }

  /** A full spool: the agent stops, visibly, until the backbone has taken what waits. */
  private pause(full: boolean): void {
    this.paused = full;
    this.reporter.look();
    if (full) void this.parts.pi.abort();
    const title = full
      ? 'Paused: nats-server was offline for so long that the spool is full'
      : 'nats-server is back; the session continues';
    const level = full ? 'warning' : 'info';
    queueMicrotask(() => this.emit(notice(title, level)));
  }

  private fenced(): void {
    if (this.leaving) return;
    this.leaving = true;
    this.reporter.stop();
    this.stopPartial();
    this.parts.blobs.stop();
    const { pi, writer } = this.parts;
    void pi
      .dispose()
      .then(() => sweepSession(this.assignment.sid, [process.pid]))
      .then(() => writer.close())
      .finally(() => this.deps.onFenced());
  }
}
