import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  claimSession,
  getBlob,
  headOf,
  holdLease,
  openWriter,
  putBlob,
  serveRpc,
  type Backbone,
  type Lease,
  type SessionWriter,
} from '@pizzapi/backbone';
import { CodedError, encode, errorInfo, newId, subjects, type Command, type SessionEvent } from '@pizzapi/protocol';
import { sleep, type Logger } from '@pizzapi/process';
import type { Assignment, CommandOutcome, SessionState, StopReason } from '../link/messages.js';
import { openPiSession, readPiSessionFile, type OpenOptions, type PiSession } from '../pi/index.js';
import { sweepSession } from '../processes.js';
import { BlobOutbox } from './blobOutbox.js';
import { CommandRunner } from './commands.js';
import { EventPipe } from './pipe.js';
import { hasResult, seqBefore } from './logScan.js';

/** How long the first event waits for the lease, in ms: without a backbone there is none. */
const LEASE_FIRST_MS = 1_000;
/** How long the last events of a session may take to the log when its worker stops, in ms; then they stay spooled. */
const SETTLE_MS = 3_000;
/** Quiet between an event and the look at what the session does now, in ms. */
const LOOK_MS = 50;
/** How many answered commands are remembered for a daemon that asks. */
const REMEMBERED = 1_000;

export interface SessionDeps {
  backbone: Backbone;
  log: Logger;
  /** The state changed. */
  onState(state: SessionState): void;
  /** A newer host owns the session: it is stopped already. */
  onFenced(): void;
  /** An extension asked for the end of the session. */
  onShutdownRequested(): void;
}

/** The parts of a session that runs. */
interface Parts {
  epoch: number;
  writer: SessionWriter;
  pi: PiSession;
  pipe: EventPipe;
  blobs: BlobOutbox;
}

/** One session in its worker: the agent on one side, the log on the other, commands in between. */
export class WorkerSession {
  private readonly runner: CommandRunner;
  private readonly outcomes = new Map<string, 'working' | 'answered'>();
  private lease: Lease | undefined;
  private stopPartial: () => void = () => undefined;
  private looking: NodeJS.Timeout | undefined;
  private last = '';
  private leaving = false;
  private paused = false;
  private lastActivityAt = Date.now();

  private constructor(
    private readonly assignment: Assignment,
    private readonly deps: SessionDeps,
    private readonly parts: Parts,
  ) {
    const { pi } = parts;
    const { attachmentsDir } = assignment;
    const readBlob = async (hash: string) => (await getBlob(deps.backbone, hash))?.bytes;
    this.runner = new CommandRunner({ pi, emit: (event) => this.emit(event), attachmentsDir, readBlob });
  }

  /**
   * Takes the session over and begins or resumes it. When this resolves, its first event is in the log or on disk.
   * Throws `fenced` when another host has it, and what pi says of a model or file it cannot use.
   */
  static async begin(assignment: Assignment, deps: SessionDeps): Promise<WorkerSession> {
    const { sid, userId, runnerId, spoolDir } = assignment;
    const { backbone, log } = deps;
    // Nothing is told before the session is there: what it says while it opens has no log to go to.
    let session: WorkerSession | undefined;
    const pi = await openPi(
      assignment,
      {
        event: (event) => session?.emit(event),
        delta: (delta) => session?.parts.writer.publishDelta(delta),
      },
      () => deps.onShutdownRequested(),
      log,
    );
    try {
      const claim = await claimSession(backbone, { sid, userId, runnerId });
      if (claim.kind === 'refused')
        throw new CodedError('fenced', `Session ${sid} is hosted by ${claim.owner.runnerId}`);
      const { epoch } = claim;
      const writer = await openWriter(backbone, { sid, epoch, spoolDir, log });
      // Looked at now: it may be sent the next moment.
      const hasLeftover = writer.spool().events > 0;
      const blobs = new BlobOutbox(
        join(spoolDir, `${sid}.blobs`),
        (bytes, type) => putBlob(backbone, bytes, type),
        log,
      );
      const pipe = new EventPipe({ writer, blobs, log, onFull: (full) => session?.pause(full) });
      session = new WorkerSession(assignment, deps, { epoch, writer, pi, pipe, blobs });
      await session.open(hasLeftover);
      return session;
    } catch (error) {
      await pi.dispose();
      throw error;
    }
  }

  state(): SessionState {
    const { sid, cwd } = this.assignment;
    const { pi, writer, epoch } = this.parts;
    const file = pi.sessionFile;
    return {
      sid,
      epoch,
      cwd,
      activity: this.isBusy() ? 'working' : 'idle',
      ...(file === undefined ? {} : { file }),
      model: pi.model(),
      name: pi.name(),
      thinkingLevel: pi.thinkingLevel(),
      spool: writer.spool(),
    };
  }

  /** True once the session was quiet for as long as the assignment allows and nothing waits for the backbone. */
  isSleepy(now: number): boolean {
    if (this.isBusy() || this.parts.writer.spool().events > 0 || this.leaving) return false;
    return now - this.lastActivityAt >= this.assignment.idleMs;
  }

  /** Carries a command out and writes its result; `asleep` when the session is on its way out and did nothing. */
  async command(command: Command): Promise<{ kind: 'answered'; outcome: CommandOutcome } | { kind: 'asleep' }> {
    if (this.leaving) return { kind: 'asleep' };
    this.remember(command.commandId, 'working');
    this.lastActivityAt = Date.now();
    const outcome: CommandOutcome = this.paused
      ? { ok: false, error: errorInfo('spool_full') }
      : await this.runner.run(command);
    this.writeResult(command, outcome);
    return { kind: 'answered', outcome };
  }

  outcomeOf(commandId: string): 'unseen' | 'working' | 'answered' {
    return this.outcomes.get(commandId) ?? 'unseen';
  }

  /** Writes the result of a command that somebody else carried out or lost, unless the log has one already. */
  async answer(command: Command, outcome: CommandOutcome): Promise<void> {
    if (this.outcomeOf(command.commandId) !== 'unseen') return;
    this.remember(command.commandId, 'working');
    await this.parts.writer.settled();
    if (await hasResult(this.deps.backbone, this.assignment.sid, command.commandId)) {
      this.remember(command.commandId, 'answered');
    } else this.writeResult(command, outcome);
  }

  /** Copies the story so far into a file for a fork. Throws what the agent says against it. */
  async branch(entryId: string | undefined): Promise<{ file?: string; seq: number }> {
    const forked = this.parts.pi.fork(entryId);
    if (forked.kind === 'failed') throw new CodedError(forked.error.code, forked.error.message);
    const { backbone } = this.deps;
    const { sid } = this.assignment;
    const at = entryId === undefined ? undefined : await seqBefore(backbone, sid, entryId);
    const seq = at ?? (await headOf(backbone, sid)).last;
    return { seq, ...(forked.sessionFile === undefined ? {} : { file: forked.sessionFile }) };
  }

  /** Stops the session: for a while, or for good. Bounded in time. */
  async stop(reason: StopReason): Promise<void> {
    if (this.leaving) return;
    this.leaving = true;
    const { pi, pipe, writer, blobs } = this.parts;
    const { sid } = this.assignment;
    clearTimeout(this.looking);
    await pi.dispose();
    if (reason.kind === 'kill') {
      const survivors = await sweepSession(sid, [process.pid]);
      this.emit({
        type: 'command_result',
        at: Date.now(),
        commandId: reason.commandId,
        name: 'kill_session',
        ...(survivors.length === 0
          ? { ok: true }
          : { ok: false, error: errorInfo('command_failed', `Processes ${survivors.join(', ')} do not end`) }),
      });
      this.emit({ type: 'session_ended', at: Date.now(), reason: 'killed' });
    }
    await Promise.race([pipe.passed(), sleep(SETTLE_MS)]);
    await Promise.race([writer.settled(), sleep(SETTLE_MS)]);
    await blobs.settled(SETTLE_MS);
    blobs.stop();
    this.stopPartial();
    if (reason.kind === 'kill' || !reason.keepLease) await this.lease?.release();
    await writer.close();
  }

  private async open(hasLeftover: boolean): Promise<void> {
    const { backbone, log } = this.deps;
    const { sid, userId, runnerId, beginning } = this.assignment;
    const { epoch, writer, pi, blobs } = this.parts;
    await blobs.start();
    // The lease before the first event: who reads that event sees a session whose host is there.
    await Promise.race([this.holdLease(), sleep(LEASE_FIRST_MS)]);
    const at = Date.now();
    if (beginning.kind === 'new') {
      const { resumedFrom, parentSessionId, forkedFrom } = beginning;
      this.emit({
        type: 'session_started',
        ...{ at, cwd: pi.cwd, name: pi.name(), model: pi.model(), runnerId, userId, epoch, piVersion: pi.piVersion },
        ...(resumedFrom === undefined ? {} : { resumedFrom }),
        ...(parentSessionId === undefined ? {} : { parentSessionId }),
        ...(forkedFrom === undefined ? {} : { forkedFrom }),
      });
      this.tellHistory(beginning.file);
      // What an earlier worker left comes with a `session_resumed` of its own.
    } else if (!hasLeftover) this.emit({ type: 'session_resumed', at, epoch });
    writer.onFenced(() => this.fenced());
    writer.onSpool(() => this.look());
    this.stopPartial = serveRpc(backbone, subjects.sessionPartial(sid), () =>
      encode({ n: writer.deltaN(), ...pi.openBlocks() }),
    );
    pi.start().catch((error: unknown) => log.error({ err: error }, 'the extensions did not start'));
    if (beginning.kind === 'new') this.firstPrompt(beginning);
    await this.parts.pipe.passed();
  }

  /** A session that continues a file begins with what happened before, so that its log tells the whole story. */
  private tellHistory(file: string | undefined): void {
    const { pi, epoch } = this.parts;
    const { userId, runnerId } = this.assignment;
    if (file === undefined || !existsSync(file)) return;
    const read = readPiSessionFile(file, { userId, runnerId, piVersion: pi.piVersion, epoch });
    if (read.kind !== 'ok') return;
    for (const event of read.events) {
      if (event.type !== 'session_started' && event.type !== 'session_ended') this.emit(event);
    }
  }

  private firstPrompt({ prompt, attachments, commandId, by }: Extract<Assignment['beginning'], { kind: 'new' }>): void {
    const text = prompt ?? '';
    if (text.trim() === '' && (attachments ?? []).length === 0) return;
    const at = Date.now();
    const args = { text, ...(attachments === undefined ? {} : { attachments }) };
    const command: Command = { commandId, name: 'input', args, by, at, expiresAt: at, sessionId: this.assignment.sid };
    // The answer to `new_session` is the runner's; a prompt that the agent refuses is told in the session.
    void this.runner.run(command).then((outcome) => {
      if (outcome.ok) return;
      const title = outcome.error.message;
      this.emit({
        type: 'dialog_opened',
        at: Date.now(),
        dialogId: newId('d'),
        method: 'notify',
        title,
        level: 'error',
      });
    });
  }

  private async holdLease(): Promise<void> {
    const { backbone, log } = this.deps;
    const { epoch } = this.parts;
    while (!this.leaving) {
      try {
        const outcome = await holdLease(backbone, `session.${this.assignment.sid}`, { epoch });
        if (outcome.kind === 'taken') return;
        this.lease = outcome.lease;
        return;
      } catch (error) {
        log.warn({ err: error }, 'the lease of the session is not held yet');
        await sleep(1_000);
      }
    }
  }

  private emit(event: SessionEvent): void {
    if (event.type === 'agent_start' || event.type === 'message_end') this.lastActivityAt = Date.now();
    this.parts.pipe.push(event);
    if (event.type === 'agent_start') this.tellState();
    this.look();
  }

  private writeResult({ commandId, name }: Command, outcome: CommandOutcome): void {
    this.emit({ type: 'command_result', at: Date.now(), commandId, name, ...outcome });
    this.remember(commandId, 'answered');
    this.lastActivityAt = Date.now();
  }

  private remember(commandId: string, state: 'working' | 'answered'): void {
    this.outcomes.set(commandId, state);
    if (this.outcomes.size > REMEMBERED) this.outcomes.delete(this.outcomes.keys().next().value!);
  }

  private isBusy(): boolean {
    const { isStreaming, isCompacting, isRetrying, isBashRunning, openDialogs } = this.parts.pi.state();
    return isStreaming || isCompacting || isRetrying || isBashRunning || openDialogs > 0;
  }

  private look(): void {
    if (this.leaving) return;
    this.looking ??= setTimeout(() => {
      this.looking = undefined;
      this.tellState();
    }, LOOK_MS);
  }

  private tellState(): void {
    const state = this.state();
    const { spool: _spool, ...kept } = state;
    const text = JSON.stringify([kept, state.spool.full]);
    if (text === this.last) return;
    this.last = text;
    this.deps.onState(state);
  }

  /** A full spool: the agent stops, visibly, until the backbone has taken what waits. */
  private pause(full: boolean): void {
    this.paused = full;
    this.look();
    if (full) void this.parts.pi.abort();
    const title = full
      ? 'Paused: the backbone was out of reach for so long that the spool is full'
      : 'The backbone is back and the session goes on';
    const level = full ? 'warning' : 'info';
    queueMicrotask(() =>
      this.emit({ type: 'dialog_opened', at: Date.now(), dialogId: newId('d'), method: 'notify', title, level }),
    );
  }

  private fenced(): void {
    if (this.leaving) return;
    this.leaving = true;
    clearTimeout(this.looking);
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

/** Opens pi for an assignment. A model that is gone by the time a session is resumed is replaced by pi's own choice. */
async function openPi(
  { cwd, agentDir, beginning }: Assignment,
  sink: OpenOptions['sink'],
  onShutdownRequested: () => void,
  log: Logger,
): Promise<PiSession> {
  const { file, model, name, thinkingLevel } = beginning;
  const options: OpenOptions = {
    cwd,
    sink,
    onShutdownRequested,
    onBug: (error) => log.error({ err: error }, 'a bug in the adapter'),
    ...(agentDir === undefined ? {} : { agentDir }),
    ...(file === undefined || (beginning.kind === 'resume' && !existsSync(file)) ? {} : { sessionFile: file }),
    ...(name === undefined ? {} : { name }),
    ...(thinkingLevel === undefined ? {} : { thinkingLevel }),
  };
  const opened = await openPiSession(model === undefined ? options : { ...options, model });
  if (opened.kind === 'opened') return opened.session;
  if (beginning.kind === 'new' || model === undefined) throw new CodedError(opened.error.code, opened.error.message);
  log.warn({ model, error: opened.error }, 'the model of the session cannot be used any more');
  const again = await openPiSession(options);
  if (again.kind === 'opened') return again.session;
  throw new CodedError(again.error.code, again.error.message);
}
