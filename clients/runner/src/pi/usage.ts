import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { isMap, type MetaTokenUsage } from '@pizzapi/protocol';
import { numberOf } from './file/entryRepair.js';

/** Adds up what a session has used. pi's own statistics forget what a compaction removed. */
export class UsageMeter {
  /** The entries of pi's history that are added. */
  #counted = 0;
  #total = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cost: 0 };

  /** Adds a message: of the assistant, or the result of a tool that used a model. The others count for nothing. */
  add(message: object): void {
    const usage: unknown = 'usage' in message ? message.usage : undefined;
    if (!isMap(usage)) return;
    for (const key of ['input', 'output', 'cacheRead', 'cacheWrite'] as const) this.#total[key] += numberOf(usage[key]);
    this.#total.cost += isMap(usage['cost']) ? numberOf(usage['cost']['total']) : 0;
  }

  /** Adds the entries of pi's history that were not there before. pi only appends to it. */
  addNew(history: readonly object[]): void {
    for (const entry of history.slice(this.#counted)) this.addEntry(entry);
    this.#counted = history.length;
  }

  /** Adds an entry of pi's file: an answer, or what was used beside the answers, such as a warmed cache. */
  addEntry(entry: object): void {
    const { message } = { message: undefined, ...entry };
    this.add(isMap(message) ? message : entry);
  }

  /** The totals, and how full the model's context is now. */
  read(context: ReturnType<AgentSession['getContextUsage']>): MetaTokenUsage {
    const { tokens = null, contextWindow = null } = context ?? {};
    return { ...this.#total, contextTokens: tokens, contextWindow };
  }
}
