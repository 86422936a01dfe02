import { consumeStream, RUNNERS_STREAM, streamHead, type Backbone } from '@pizzapi/backbone';
import { backoff, sleep, type Logger } from '@pizzapi/process';
import { decode, isRunnerEvent, type RunnerEvent } from '@pizzapi/protocol';

/** A runner's answer to a command that names no session. */
export type RunnerCommandResult = Extract<RunnerEvent, { type: 'command_result' }>;

/** Hears what runners answer, for whoever waits for one. */
export class RunnerReplies {
  private readonly waiting = new Map<string, (answer: RunnerCommandResult) => void>();
  private readonly stopping = new AbortController();

  constructor(
    private readonly b: Backbone,
    private readonly log: Logger,
  ) {}

  start(): void {
    void this.run();
  }

  stop(): void {
    this.stopping.abort();
  }

  /** Calls `then` with the answer to a command, once. Returns what ends the waiting. */
  expect(commandId: string, then: (answer: RunnerCommandResult) => void): () => void {
    this.waiting.set(commandId, then);
    return () => void this.waiting.delete(commandId);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const pause = backoff();
    while (!signal.aborted) {
      try {
        await consumeStream(this.b, RUNNERS_STREAM, {
          after: await streamHead(this.b, RUNNERS_STREAM),
          signal,
          onBatch: (records) => {
            for (const { type, payload } of records) if (type === 'command_result') this.onEvent(payload);
          },
        });
      } catch (err) {
        this.log.warn({ err }, 'reading runner events failed; retrying');
      }
      await sleep(pause.next(), signal);
    }
  }

  private onEvent(payload: Uint8Array): void {
    if (this.waiting.size === 0) return;
    const event = decodeEvent(payload);
    if (event?.type === 'command_result') this.waiting.get(event.commandId)?.(event);
  }
}

function decodeEvent(payload: Uint8Array): RunnerEvent | undefined {
  try {
    const value = decode(payload);
    return isRunnerEvent(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
