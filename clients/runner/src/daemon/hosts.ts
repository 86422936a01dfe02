import {
  CodedError,
  errorInfo,
  toErrorInfo,
  type Author,
  type CommandOf,
  type ErrorInfo,
  type NewWorktree,
} from '@pizzapi/protocol';
import { SerialQueue, sleep } from '@pizzapi/process';
import { speaksIpc, type ForkSource, type SessionStart, type IpcNotification } from '../ipc/messages.js';
import type { WorkerHandle } from '../ipc/startWorker.js';
import { hasSpool } from './directLogWriter.js';
import type { EndedSessions } from './endedSessions.js';
import type { SessionWorktrees } from './git/sessionWorktrees.js';
import { SessionHost } from './host.js';
import type { HostDeps } from './hostTypes.js';
import type { ModelCatalog } from './models.js';
import type { SessionRecord } from './records.js';
import { checkCwd } from './roots.js';
import { checkSessionFile, inUse } from './sessionFiles.js';
import { endWorker, findWorker } from './workers.js';

/** A session that slept for so long is ended at the next start of the runner, in ms. */
const SLEEP_LIMIT_MS = 14 * 24 * 60 * 60_000;
/** How long an adopted worker may take to finish what its old daemon had asked it to begin, in ms. */
const ADOPTION_MS = 15_000;

export type StartOutcome = { kind: 'begun'; sid: string; cwd: string } | { kind: 'refused'; error: ErrorInfo };

export interface HostsOptions {
  deps: Omit<HostDeps, 'onOver'>;
  models: ModelCatalog;
  roots: readonly string[];
  /** Where else pi's own session files may be continued from. */
  sessionFolders: readonly string[];
  maxSessions: number;
  /** Makes the work trees of sessions. */
  worktrees: Pick<SessionWorktrees, 'create' | 'drop'>;
}

/** All sessions of a runner. */
export class SessionHosts {
  private readonly hosts = new Map<string, SessionHost>();
  /** Which files are about to be continued, and by which session: two may ask at once. */
  private readonly resuming = new Map<string, string>();
  private readonly entries = new SerialQueue();
  private readonly deps: HostDeps;

  constructor(private readonly options: HostsOptions) {
    this.deps = { ...options.deps, onOver: (sid) => this.hosts.delete(sid) };
  }

  get(sid: string): SessionHost | undefined {
    return this.hosts.get(sid);
  }

  get ended(): EndedSessions {
    return this.deps.ended;
  }

  get all(): SessionHost[] {
    return [...this.hosts.values()];
  }

  /** Begins a new session. Everything that can be wrong is looked at first: refused, nothing was done. */
  async create(command: CommandOf<'new_session'>): Promise<StartOutcome> {
    const { args, by, commandId } = command;
    const trace = this.options.deps.traces.of(command);
    const { sessionId, cwd, model, resumedFrom, worktree, ...details } = args;
    const place = await checkCwd(cwd, this.options.roots);
    if (place.kind === 'refused') return place;
    const problem = await this.options.models.problem(model);
    if (problem !== undefined) return { kind: 'refused', error: problem };
    const file =
      resumedFrom === undefined ? undefined : await checkSessionFile(resumedFrom, this.options, this.fileUsers);
    if (file?.kind === 'refused') return file;
    const beginning: SessionStart = {
      kind: 'new',
      commandId,
      by,
      ...details,
      ...(trace && { trace }),
      ...(by.via === 'agent' && (by.guests ?? []).length > 0 ? { startedBy: by.guests } : {}),
      ...(model === undefined ? {} : { model }),
      ...(file === undefined ? {} : { file: file.path, resumedFrom: file.path }),
    };
    if (worktree !== undefined) return this.startInWorktree(command, place.path, worktree, beginning);
    if (file === undefined) return this.start(sessionId, by, place.path, beginning);
    const other = this.resuming.get(file.identity);
    if (other !== undefined) return inUse(file.path, other);
    this.resuming.set(file.identity, sessionId);
    try {
      return await this.start(sessionId, by, place.path, beginning);
    } finally {
      this.resuming.delete(file.identity);
    }
  }

  /** The people see the folder that they named among the recent ones, and not the work tree. */
  private async startInWorktree(
    { args: { sessionId: sid, name }, by }: CommandOf<'new_session'>,
    cwd: string,
    worktree: NewWorktree,
    beginning: SessionStart,
  ): Promise<StartOutcome> {
    if (this.hosts.has(sid))
      return { kind: 'refused', error: errorInfo('already_exists', `Session ${sid} already exists`) };
    const { worktrees, roots } = this.options;
    try {
      const folder = await checkCwd(await worktrees.create({ sid, cwd, name, worktree }), roots);
      const outcome = folder.kind === 'ok' ? await this.start(sid, by, folder.path, beginning, cwd) : folder;
      if (outcome.kind === 'refused') await worktrees.drop(sid);
      return outcome;
    } catch (error) {
      if (error instanceof CodedError) return { kind: 'refused', error: toErrorInfo(error) };
      throw error;
    }
  }

  /** A new session that shares the story of another. */
  async fork(source: SessionHost, command: CommandOf<'fork'>): Promise<StartOutcome> {
    const branched = await source.forwarder.branch(command.args.entryId);
    return branched.kind === 'refused' ? branched : this.startFork(source.facts, command, branched);
  }

  /** A new session with the history of one that is over. Its worker copies the file of pi. */
  async forkEnded(source: SessionRecord, command: CommandOf<'fork'>): Promise<StartOutcome> {
    const { entryId } = command.args;
    const place = await checkCwd(source.cwd, this.options.roots);
    if (place.kind === 'refused') return place;
    try {
      const seq = await this.deps.ended.forkOffset(source.sid, entryId);
      const { file } = source;
      const branch = file === undefined ? {} : { branch: { file, ...(entryId === undefined ? {} : { entryId }) } };
      return await this.startFork(source, command, { seq, ...branch });
    } catch (error) {
      this.deps.log.warn({ sid: source.sid, err: error }, 'log of an ended session did not answer; fork refused');
      return { kind: 'refused', error: errorInfo('unavailable', 'The log of the session did not answer') };
    }
  }

  private startFork(
    source: Readonly<SessionRecord>,
    { args, by, commandId }: CommandOf<'fork'>,
    branched: { seq: number; file?: string; branch?: ForkSource },
  ): Promise<StartOutcome> {
    const { sessionId } = args;
    const { cwd, model, thinkingLevel, name, pi } = source;
    const title = args.name ?? (name === undefined || name === '' ? undefined : `${name} (fork)`);
    return this.start(sessionId, by, cwd, {
      kind: 'new',
      commandId,
      by,
      forkedFrom: { sessionId: source.sid, seq: branched.seq },
      ...(branched.file === undefined ? {} : { file: branched.file }),
      ...(branched.branch === undefined ? {} : { branch: branched.branch }),
      ...(model === undefined ? {} : { model }),
      ...(thinkingLevel === undefined
        ? {}
        : { thinkingLevel: thinkingLevel as SessionStart['thinkingLevel'] & string }),
      ...(title === undefined ? {} : { name: title }),
      ...(pi === undefined ? {} : { pi }),
    });
  }

  /** Finds the sessions of the daemon before this one: adopts what lives, wakes what died at work, lets the rest sleep. */
  async recover(): Promise<void> {
    const { log } = this.deps;
    const { records, broken } = await this.deps.records.all();
    for (const path of broken) log.warn({ path }, 'state file could not be read; skipping it');
    await Promise.all(records.map((record) => this.recoverOne(record)));
  }

  private async recoverOne(record: SessionRecord): Promise<void> {
    const { publisher, log } = this.deps;
    const worker = record.worker === undefined ? undefined : await this.findHosting(record.worker);
    if (worker === undefined && record.phase === 'starting') {
      // Died between the command and the first event: without one there never was a session.
      if (!(await new SessionHost(this.deps, record).suspended.hasBegun())) return this.deps.records.remove(record.sid);
    }
    const host = new SessionHost(this.deps, record);
    this.hosts.set(record.sid, host);
    publisher.publish({ type: 'session_opened', sessionId: record.sid, cwd: record.cwd, adopted: true });
    if (worker !== undefined) {
      log.info({ sid: record.sid, pid: worker.pid }, 'adopted a running worker');
      return host.adopt(worker);
    }
    const atWork = record.activity === 'working' || hasSpool(this.deps.home, record.sid) || record.phase === 'starting';
    const expired = record.phase === 'hosted' && !atWork && Date.now() - record.lastActivityAt > SLEEP_LIMIT_MS;
    log.info({ sid: record.sid, atWork, expired }, 'found a session without a worker');
    // Both may wait for the backbone; the commands of other sessions do not wait for them.
    void (expired ? host.expire() : host.resume(atWork)).catch((error: unknown) => {
      log.error({ sid: record.sid, err: error }, 'session could not be recovered');
    });
  }

  /** The worker of a record, if it lives, speaks our language and hosts its session. */
  private async findHosting(kept: NonNullable<SessionRecord['worker']>): Promise<WorkerHandle | undefined> {
    const worker = await findWorker(kept);
    if (worker === undefined) {
      await endWorker(kept, 0);
      return undefined;
    }
    const { link } = worker;
    const waiting = new AbortController();
    let ready = false;
    let pi: WorkerHandle['pi'];
    const heard: IpcNotification[] = [];
    link.listen((notice) => {
      heard.push(notice);
      if (notice.type === 'hello') pi = notice.pi;
      if (notice.type === 'hello' && !speaksIpc(notice.version)) waiting.abort();
      if (notice.type === 'state' || (notice.type === 'hello' && notice.state !== undefined)) ready = true;
      if (ready) waiting.abort();
    });
    void link.closed.then(() => waiting.abort());
    await sleep(ADOPTION_MS, waiting.signal);
    link.replay(heard);
    if (ready) return { ...worker, pi };
    await Promise.race([link.request('stop', { reason: { kind: 'sleep', keepLease: true } }), sleep(ADOPTION_MS)]);
    link.close();
    await endWorker(worker, 1_000);
    return undefined;
  }

  private async start(
    sid: string,
    by: Author,
    cwd: string,
    beginning: SessionStart,
    named = cwd,
  ): Promise<StartOutcome> {
    // One after the other: two sessions must not take the same slot.
    const entered = await this.entries.run(() => this.enter(sid, by, cwd, beginning));
    const outcome = entered.kind === 'refused' ? entered : await entered.started;
    if (outcome.kind === 'refused') return outcome;
    this.deps.publisher.publish({ type: 'session_opened', sessionId: sid, cwd: named, adopted: false });
    return { kind: 'begun', sid, cwd };
  }

  /** Takes a slot for a session and begins to start it. */
  private async enter(
    sid: string,
    by: Author,
    cwd: string,
    beginning: SessionStart,
  ): Promise<{ kind: 'entered'; started: ReturnType<SessionHost['start']> } | { kind: 'refused'; error: ErrorInfo }> {
    if (this.hosts.has(sid))
      return { kind: 'refused', error: errorInfo('already_exists', `Session ${sid} already exists`) };
    if (!(await this.makeRoom())) {
      const what = `${this.options.maxSessions} sessions are at work`;
      return { kind: 'refused', error: errorInfo('too_many_sessions', what) };
    }
    const now = Date.now();
    const host = new SessionHost(this.deps, {
      ...{ sid, userId: by.userId, cwd, phase: 'starting', activity: 'idle', epoch: 0, startedAt: now },
      lastActivityAt: now,
      file: beginning.file,
      model: beginning.model,
      name: beginning.name,
      parentSessionId: beginning.parentSessionId,
      startedBy: beginning.startedBy,
      pi: beginning.pi,
    });
    this.hosts.set(sid, host);
    return { kind: 'entered', started: host.start(beginning) };
  }

  /** Whether a slot is free; suspends the session that was idle for longest when none is. */
  private async makeRoom(): Promise<boolean> {
    const isFull = () => this.all.filter((host) => host.isAwake).length >= this.options.maxSessions;
    const idle = this.all.filter(({ isAwake, facts }) => isAwake && facts.activity === 'idle');
    idle.sort((a, b) => a.facts.lastActivityAt - b.facts.lastActivityAt);
    for (const host of idle) {
      if (!isFull()) return true;
      await host.rest();
    }
    return !isFull();
  }

  private get fileUsers(): { sid: string; file: string | undefined }[] {
    return this.all.map(({ sid, facts }) => ({ sid, file: facts.file }));
  }
}
