import { join } from 'node:path';
import {
  bucket,
  claimSession,
  holdLease,
  openWriter,
  publishRunnerEvent,
  readCommands,
  recentSessionsRows,
  sessionRowKey,
  withRecentChanges,
  type Backbone,
  type Lease,
  type SessionWriter,
} from '@pizzapi/backbone';
import {
  initialRunnerInfo,
  initialSessionInfo,
  OWNER_ID,
  type Command,
  type ErrorCode,
  type RunnerOwnerRow,
  type SessionInfo,
} from '@pizzapi/protocol';

/** Names a session in the row of recent sessions, as the projector does before it writes the row of the session. */
export async function projectRecent(b: Backbone, userId: string, sid: string, at: number): Promise<void> {
  const rows = recentSessionsRows(b);
  for (;;) {
    const found = await rows.get(userId);
    const next = withRecentChanges(found?.value, new Map([[sid, at]]));
    if (next === undefined) return;
    const { kind } =
      found === undefined ? await rows.create(userId, next) : await rows.update(userId, next, found.revision);
    if (kind === 'stored') return;
  }
}

/**
 * A fake runner: no agent, but the real commands, leases, grants and events. It also writes what the projector would
 * fold of itself, which is not part of these tests.
 */
export class FakeRunner {
  readonly commands: Command[] = [];
  readonly writers = new Map<string, SessionWriter>();
  /** Refuses the next sessions with this code; `silent` answers nothing at all. */
  mood: 'willing' | 'silent' | ErrorCode = 'willing';
  private readonly leases = new Map<string, Lease>();
  private readonly stopping = new AbortController();

  private constructor(
    private readonly b: Backbone,
    readonly rid: string,
    private readonly home: string,
    private readonly userId: string,
  ) {}

  /** `userId` is whose it is. */
  static async start(b: Backbone, rid: string, home: string, userId = OWNER_ID): Promise<FakeRunner> {
    const runner = new FakeRunner(b, rid, home, userId);
    await bucket<RunnerOwnerRow>(b, 'owners').put(`runner.${rid}`, { userId, runnerId: rid, secretHash: '' });
    await runner.hold(`runner.${rid}`);
    await bucket(b, 'runners').put(rid, { info: { ...initialRunnerInfo(rid), name: rid }, lastSeq: 0 });
    void readCommands(b, rid, {
      after: 0,
      signal: runner.stopping.signal,
      onCommand: (command) => runner.carryOut(command),
      onPoison: () => undefined,
    });
    return runner;
  }

  /** As a host that goes away in good order; one that dies lets its leases expire. */
  async letGo(key: string): Promise<void> {
    await this.leases.get(key)?.release();
    this.leases.delete(key);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.leases.keys()].map((key) => this.letGo(key)));
    await Promise.all([...this.writers.values()].map((writer) => writer.close()));
  }

  async begin(sid: string): Promise<SessionWriter> {
    const { b, rid, userId } = this;
    const grant = await claimSession(b, { sid, userId, runnerId: rid });
    if (grant.kind !== 'granted') throw new Error('The session was refused');
    await this.hold(`session.${sid}`);
    const writer = await openWriter(b, { sid, epoch: grant.epoch, spoolDir: join(this.home, 'spool') });
    this.writers.set(sid, writer);
    const started = {
      cwd: '/',
      name: '',
      model: 'demo/demo',
      runnerId: rid,
      // What an event says of whose it is must not matter.
      userId: 'mallory',
      epoch: grant.epoch,
      piVersion: '0',
    };
    await writer.append({ type: 'session_started', at: Date.now(), ...started });
    await this.project(sid, { state: 'idle' });
    return writer;
  }

  /** Writes the projection of a session, whose log is said to have stored so much. */
  async project(sid: string, info: Partial<SessionInfo>, logBytes = 0): Promise<void> {
    const whole = {
      ...initialSessionInfo(sid),
      runnerId: this.rid,
      startedAt: Date.now(),
      lastActivityAt: Date.now(),
      ...info,
    };
    await projectRecent(this.b, this.userId, sid, whole.lastActivityAt);
    const row = { info: whole, lastSeq: 0, checkpoints: [], logBytes };
    await bucket(this.b, 'sessions').put(sessionRowKey(this.userId, sid), row);
  }

  private async hold(key: string): Promise<void> {
    const outcome = await holdLease(this.b, key, { epoch: 1 });
    if (outcome.kind === 'held') this.leases.set(key, outcome.lease);
  }

  private async carryOut(command: Command): Promise<void> {
    this.commands.push(command);
    const { commandId, name } = command;
    const at = Date.now();
    if (this.mood === 'silent') return;
    if (command.name === 'new_session') {
      if (this.mood === 'willing') await this.begin(command.args.sessionId);
      else {
        const error = { code: this.mood, message: 'No.' };
        await publishRunnerEvent(this.b, this.rid, { type: 'command_result', at, commandId, ok: false, name, error });
      }
      return;
    }
    const sid = command.sessionId ?? '';
    const writer = this.writers.get(sid);
    if (command.name === 'kill_session') {
      await writer?.append({ type: 'session_ended', at, reason: 'killed' });
      await this.project(sid, { state: 'ended', endedAt: at });
      await this.letGo(`session.${sid}`);
    }
    await writer?.append({ type: 'command_result', at, commandId, ok: true, name });
  }
}
