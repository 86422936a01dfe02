import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { messageOf } from './errorMessage.js';

/**
 * Returns a listener for the events of pi's agent, which reports the errors that pi discards. pi stores and shows the
 * work of its agent in a queue of its own, and ignores what fails there: a full disk, an extension, a message that it
 * cannot read.
 */
export function watchSwallowedErrors(pi: AgentSession, report: (what: string) => void): () => void {
  const known = new WeakSet<Promise<unknown>>();
  const watch = () => {
    // The queue is a promise, which pi replaces with each event.
    const queue: unknown = Reflect.get(pi, '_agentEventQueue');
    if (!(queue instanceof Promise) || known.has(queue)) return;
    known.add(queue);
    queue.catch((error: unknown) => report(`pi failed to process a part of this turn: ${messageOf(error)}`));
  };
  return () => {
    watch();
    // After a compaction, pi listens behind this listener.
    queueMicrotask(watch);
  };
}
