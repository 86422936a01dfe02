import type { AgentSessionEvent, ExtensionContext } from '@mariozechner/pi-coding-agent';
import { errorInfo } from '@pizzapi/protocol';
import { messageOf } from '../errorMessage.js';
import type { Outcome } from '../types.js';

type Start = Extract<AgentSessionEvent, { type: 'compaction_start' }>;
type End = Extract<AgentSessionEvent, { type: 'compaction_end' }>;
type Reason = Start['reason'];
type Result = Outcome<{ tokensBefore: number; summary: string }>;

/** A compaction that does not end within this time, ms, is taken as failed: pi 0.73 does not say so to extensions. */
const MAX_COMPACTION_MS = 120_000;

/** Follows the compactions of a plain pi, whose start and end extensions learn from different events. */
export class PlainCompaction {
  #reason: Reason | undefined;
  #givingUp: NodeJS.Timeout | undefined;

  constructor(private readonly observe: (event: Start | End) => void) {}

  get isActive(): boolean {
    return this.#reason !== undefined;
  }

  /** pi is about to compact, until it says otherwise or `signal` aborts. */
  begun(reason: Reason, signal: AbortSignal): void {
    this.failed('pi began another compaction', false);
    this.#reason = reason;
    this.observe({ type: 'compaction_start', reason });
    signal.addEventListener('abort', () => this.failed(undefined, true), { once: true });
    this.#givingUp = setTimeout(
      () => this.failed('pi did not report the end of the compaction', false),
      MAX_COMPACTION_MS,
    );
    this.#givingUp.unref();
  }

  ended(result: End['result']): void {
    this.#end({ result, aborted: false });
  }

  /** Does nothing when no compaction is active. */
  failed(errorMessage: string | undefined, aborted: boolean): void {
    this.#end({ result: undefined, aborted, ...(errorMessage === undefined ? {} : { errorMessage }) });
  }

  /** Has pi compact the conversation. */
  run(ctx: ExtensionContext, instructions: string | undefined): Promise<Result> {
    return new Promise((resolve) => {
      ctx.compact({
        ...(instructions === undefined ? {} : { customInstructions: instructions }),
        onComplete: ({ tokensBefore, summary }) => resolve({ kind: 'ok', tokensBefore, summary }),
        onError: (error) => {
          this.failed(messageOf(error), false);
          resolve({ kind: 'failed', error: errorInfo('command_failed', messageOf(error)) });
        },
      });
    });
  }

  #end(how: Pick<End, 'result' | 'aborted' | 'errorMessage'>): void {
    const reason = this.#reason;
    if (reason === undefined) return;
    this.#reason = undefined;
    clearTimeout(this.#givingUp);
    this.observe({ type: 'compaction_end', reason, willRetry: false, ...how });
  }
}
