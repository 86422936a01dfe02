import { consumeStream, RUNNERS_STREAM, streamHead, type Backbone } from '@pizzapi/backbone';
import { retry, type Logger } from '@pizzapi/process';
import { CodedError, decode, isRunnerEvent, type RunnerEvent } from '@pizzapi/protocol';

/** The result of a command that names no session. */
export type RunnerCommandResult = Extract<RunnerEvent, { type: 'command_result' }>;

/** Correlates the results that runners publish with the requests that wait for them. */
export class RunnerReplies {
  private readonly waiting = new Map<string, (result: RunnerCommandResult) => void>();
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

  /** Calls `then` with the result of a command, once. Returns a function that stops waiting. */
  expect(commandId: string, then: (result: RunnerCommandResult) => void): () => void {
    this.waiting.set(commandId, then);
    return () => void this.waiting.delete(commandId);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const read = async () => {
      await consumeStream(this.b, RUNNERS_STREAM, {
        after: await streamHead(this.b, RUNNERS_STREAM),
        signal,
        onBatch: (records) => {
          for (const { type, payload } of records) if (type === 'command_result') this.onEvent(payload);
        },
      });
      if (!signal.aborted) throw new CodedError('unavailable', 'The stream of runner events was replaced');
    };
    await retry(read, {
      signal,
      onRetry: (err) => this.log.warn({ err }, 'reading the results of runner commands failed; reading again'),
    });
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
