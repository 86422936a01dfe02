import { setMaxListeners } from 'node:events';
import { consumeStream, follow, RUNNERS_STREAM, type Backbone, type Tail } from '@pizzapi/backbone';
import { decode, type RunnerEvent, type SessionEvent } from '@pizzapi/protocol';
import { Growing, type Logged } from './runnerHarness.js';

/** The logs of sessions and runners as they grow, for a test of a host in its own process. */
export class SessionLogs {
  readonly runners = new Growing<RunnerEvent>();
  readonly #tails: Tail[] = [];
  readonly #stop = new AbortController();

  constructor(private readonly backbone: Backbone) {
    setMaxListeners(0, this.#stop.signal);
  }

  /** Follows what all runners say, from now on. */
  watchRunners(): void {
    const { signal } = this.#stop;
    void consumeStream(this.backbone, RUNNERS_STREAM, {
      after: 0,
      filter: 'runner.*.events',
      signal,
      onBatch: (records) => this.runners.push(records.map(({ payload }) => decode(payload) as RunnerEvent)),
    });
  }

  /** The log of a session, followed from its beginning. */
  async of(sid: string): Promise<Growing<Logged>> {
    const log = new Growing<Logged>();
    const { signal } = this.#stop;
    const tail = await follow(
      this.backbone,
      sid,
      { after: 0, signal },
      {
        onEvents: (batch) =>
          log.push(
            batch.map(({ seq, epoch, msgId, payload }) => ({
              ...(decode(payload) as SessionEvent),
              ...{ seq, epochOf: epoch, msgId },
            })),
          ),
      },
    );
    this.#tails.push(tail);
    return log;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const tail of this.#tails) await tail.stop();
  }
}
