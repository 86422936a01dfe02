import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { errorInfo } from '@pizzapi/protocol';
import { messageOf } from './errorMessage.js';
import type { InputQueue } from './inputQueue.js';
import type { ModelChoice } from './modelChoice.js';
import type { Outcome } from './types.js';

export interface ManualCompactionDeps {
  pi: Pick<AgentSession, 'compact' | 'isCompacting' | 'isStreaming' | 'isRetrying'>;
  prompts: Pick<InputQueue, 'compacting'>;
  choice: Pick<ModelChoice, 'isOpen' | 'settle'>;
  /** Stops what the agent does now. */
  stop: () => Promise<Outcome>;
}

/** Compacts on the request of a person, one compaction at a time. The queue waits, and goes to the agent afterwards. */
export class ManualCompaction {
  #isRunning = false;

  constructor(private readonly deps: ManualCompactionDeps) {}

  async run(instructions: string | undefined): Promise<Outcome<{ tokensBefore: number; summary: string }>> {
    const { pi, prompts, choice, stop } = this.deps;
    // pi lets two of them run at once: both would cut the same conversation.
    if (this.#isRunning || pi.isCompacting) return { kind: 'failed', error: errorInfo('compaction_running') };
    this.#isRunning = true;
    const error = choice.isOpen ? await choice.settle() : undefined;
    if (error !== undefined) {
      this.#isRunning = false;
      return { kind: 'failed', error };
    }
    prompts.compacting(true);
    try {
      // pi stops listening to its agent before it aborts it: an answer cut off by that would never end in the log.
      const stopped = pi.isStreaming || pi.isRetrying ? await stop() : undefined;
      if (stopped?.kind === 'failed') return stopped;
      const { tokensBefore, summary } = await pi.compact(instructions);
      return { kind: 'ok', tokensBefore, summary };
    } catch (error) {
      return { kind: 'failed', error: errorInfo('command_failed', messageOf(error)) };
    } finally {
      this.#isRunning = false;
      prompts.compacting(false);
    }
  }
}
