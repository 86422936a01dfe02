import { join } from 'node:path';
import { openRunnerEventWriter, type Backbone, type RunnerEventWriter } from '@pizzapi/backbone';
import type { Command, RunnerEvent } from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import type { RunnerHome } from '../home.js';
import type { WorkerCommandOutcome } from '../ipc/messages.js';

type Unstamped<E> = E extends RunnerEvent ? Omit<E, 'at'> : never;

/** The spool of the runner's own events. */
export const runnerSpool = (home: RunnerHome): string => join(home.root, 'events.spool');

/** Publishes the runner's own events, in order. What this process does not send, the next one of the same home does. */
export class RunnerEventPublisher {
  private readonly writer: RunnerEventWriter;
  /** Results of commands that an earlier process has left in the spool. */
  private readonly leftover = new Map<string, WorkerCommandOutcome>();

  constructor(backbone: Backbone, runnerId: string, home: RunnerHome, log: Logger) {
    this.writer = openRunnerEventWriter(backbone, { rid: runnerId, path: runnerSpool(home), log });
    for (const event of this.writer.leftover) {
      if (event.type !== 'command_result') continue;
      const { ok, result, error } = event;
      const failed = error ?? { code: 'unknown', message: '' };
      this.leftover.set(event.commandId, ok ? { ok, result } : { ok: false, error: failed as Refused['error'] });
    }
  }

  /** Publishes an event. False: it was dropped, because too much waits for the backbone. */
  publish(event: Unstamped<RunnerEvent>): boolean {
    return this.writer.append({ ...event, at: Date.now() });
  }

  /**
   * Publishes the result of a command. `commit` is called when the result survives a crash, and before anybody reads
   * it. False, and nothing published: too much waits for the backbone.
   */
  publishResult(
    { commandId, name }: Pick<Command, 'commandId' | 'name'>,
    outcome: WorkerCommandOutcome,
    commit: () => void = () => undefined,
  ): Promise<boolean> {
    const result: Unstamped<RunnerEvent> = { type: 'command_result', commandId, name, ...outcome };
    return this.writer.appendCommitted({ ...result, at: Date.now() }, commit);
  }

  /** The result of a command that an earlier process has left in the spool. */
  leftoverResult(commandId: string): WorkerCommandOutcome | undefined {
    return this.leftover.get(commandId);
  }

  /** Sends what waits for at most `ms`, and closes the spool. */
  async close(ms: number): Promise<void> {
    await this.writer.flushed(ms);
    await this.writer.close();
  }
}

type Refused = Extract<WorkerCommandOutcome, { ok: false }>;
