import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { messageOf } from './errorMessage.js';

/**
 * Reports the errors that pi discards. pi stores and shows what its agent did in a queue of its own, and ignores what
 * fails there: a full disk, an extension, a message that it cannot read.
 */
export function reportSwallowedErrors(pi: AgentSession, report: (what: string) => void): void {
  const known = new WeakSet<Promise<unknown>>();
  const watch = () => {
    // The queue is a promise, which pi replaces with each event.
    const queue: unknown = pi['_agentEventQueue'];
    if (!(queue instanceof Promise) || known.has(queue)) return;
    known.add(queue);
    queue.catch((error: unknown) => report(messageOf(error)));
  };
  pi.agent.subscribe(() => {
    watch();
    // After a compaction, pi listens behind this listener.
    queueMicrotask(watch);
  });
}
