import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { messageOf } from '../errorMessage.js';
import type { InputQueue } from '../inputQueue.js';
import type { SessionNotices } from '../sessionNotices.js';

interface ReloadAtRestDeps {
  pi: Pick<AgentSession, 'reload' | 'resourceLoader'>;
  prompts: Pick<InputQueue, 'betweenInputs'>;
  notices: Pick<SessionNotices, 'show'>;
}

/** Has pi load extensions, skills and settings again, once the agent rests: pi cannot replace them during a run. */
export class ReloadAtRest {
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(private readonly deps: ReloadAtRestDeps) {}

  /** Resolves when everything is loaded, or when the session has ended. Inputs wait meanwhile. Says what failed. */
  async run(): Promise<void> {
    while (!this.#isClosed) {
      const settled = new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (await this.deps.prompts.betweenInputs(() => this.#load())) return;
      await settled;
    }
  }

  /** The agent has come to rest. */
  settled(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The session ends: nothing is loaded any more. */
  close(): void {
    this.#isClosed = true;
    this.settled();
  }

  async #load(): Promise<void> {
    const { pi, notices } = this.deps;
    try {
      await pi.reload();
      for (const { path, error } of pi.resourceLoader.getExtensions().errors)
        if (!path.startsWith('<inline:')) notices.show(`${path}: ${error}`, 'warning');
    } catch (error) {
      notices.show(`Extensions could not be loaded again: ${messageOf(error)}`, 'error');
    }
  }
}
