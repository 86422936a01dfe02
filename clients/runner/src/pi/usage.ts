import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { MetaTokenUsage } from '@pizzapi/protocol';

interface Spent {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  cost?: { total: number };
}

/** Adds up what a session has used. pi's own statistics forget what a compaction removed. */
export class UsageMeter {
  #total = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cost: 0 };

  /** Adds a message; all but the assistant's count for nothing. */
  add(message: object): void {
    const usage = (message as { usage?: Partial<Spent> }).usage;
    if (usage === undefined) return;
    for (const key of ['input', 'output', 'cacheRead', 'cacheWrite'] as const) this.#total[key] += usage[key] ?? 0;
    this.#total.cost += usage.cost?.total ?? 0;
  }

  /** The totals, and how full the model's context is now. */
  read(context: ReturnType<AgentSession['getContextUsage']>): MetaTokenUsage {
    const { tokens = null, contextWindow = null } = context ?? {};
    return { ...this.#total, contextTokens: tokens, contextWindow };
  }
}
