import { bucket, claimSession, holdLease, openWriter, readCommands, type SessionWriter } from '@pizzapi/backbone';
import type { Command, CommandName, CommandOf, SessionEvent } from '@pizzapi/protocol';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { started } from './events.js';
import type { ProjectorHarness } from './projectorHarness.js';

/** Runners without an agent: their commands as they come, and sessions of theirs that a test speaks for. */
export class LinkedSessionsHarness {
  private readonly stop = new AbortController();
  private readonly writers: SessionWriter[] = [];
  private readonly heard: { rid: string; command: Command }[] = [];
  private readonly waiting = new Set<() => void>();

  constructor(private readonly world: ProjectorHarness) {}

  /** Starts a projector; resolves when its orchestrator reads. */
  async orchestrate({ orchestrator, ...options }: Parameters<ProjectorHarness['project']>[0] = {}) {
    let reading: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => (reading = resolve));
    const started = this.world.project({
      ...options,
      orchestrator: { tickMs: 20, ...orchestrator, onReading: () => reading() },
    });
    await ready;
    return started;
  }

  /** A runner of this person, claimed, whose commands are read from now on. */
  async runner(rid: string, userId = 'owner'): Promise<void> {
    const { backbone } = this.world;
    await bucket(backbone, 'owners').create(`runner.${rid}`, { userId, runnerId: rid, secretHash: 'x' });
    await holdLease(backbone, `runner.${rid}`, { epoch: 1 });
    void readCommands(backbone, rid, {
      after: 0,
      signal: this.stop.signal,
      onCommand: (command) => {
        this.heard.push({ rid, command });
        for (const check of [...this.waiting]) check();
      },
      onPoison: (problem) => {
        throw new Error(`poison at ${problem.seq}`);
      },
    });
  }

  /** A session on a runner, begun. */
  async session(sid: string, rid: string, { userId = 'owner', parentSessionId = '' } = {}): Promise<SessionWriter> {
    const { backbone, folder } = this.world;
    const grant = await claimSession(backbone, { sid, userId, runnerId: rid });
    if (grant.kind !== 'granted') throw new Error(`${sid} was refused`);
    const writer = await openWriter(backbone, { sid, epoch: grant.epoch, spoolDir: await mkdtemp(join(folder, 's-')) });
    this.writers.push(writer);
    const parent = parentSessionId === '' ? {} : { parentSessionId };
    await writer.append({ ...started(sid), runnerId: rid, userId, ...parent } as SessionEvent);
    return writer;
  }

  /** Has a session start a child through the orchestrator; the child's log and the command that began it. */
  async child(parent: SessionWriter, sid: string, rid: string): Promise<SessionWriter> {
    await parent.append({
      ...{ type: 'session_spawn', at: Date.now(), spawnId: `n_${sid}`, sessionId: sid, prompt: 'Bake', runnerId: rid },
    });
    const { args } = await this.command('new_session', rid, (command) => command.args.sessionId === sid);
    return this.session(sid, rid, { parentSessionId: args.parentSessionId! });
  }

  /** The first command of a name for a runner that fits, now or later. */
  command<N extends CommandName>(name: N, rid: string, fits: (command: CommandOf<N>) => boolean = () => true) {
    return new Promise<CommandOf<N>>((resolve) => {
      const check = () => {
        const found = this.all(name, rid).find(fits);
        if (found === undefined) return;
        this.waiting.delete(check);
        resolve(found);
      };
      this.waiting.add(check);
      check();
    });
  }

  /** The receipt of a session for something that it sent. */
  receipt(rid: string, requestId: string, outcome: string): Promise<CommandOf<'link_receipt'>> {
    return this.command('link_receipt', rid, ({ args }) => args.requestId === requestId && args.outcome === outcome);
  }

  all<N extends CommandName>(name: N, rid: string): CommandOf<N>[] {
    return this.heard.flatMap(({ rid: to, command }) =>
      to === rid && command.name === name ? [command as CommandOf<N>] : [],
    );
  }

  async close(): Promise<void> {
    this.stop.abort();
    await Promise.all(this.writers.map((writer) => writer.close()));
  }
}
