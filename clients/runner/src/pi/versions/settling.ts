import type { AgentSession } from '@mariozechner/pi-coding-agent';

/** How long after the end of a run of pi 0.73 it is looked whether another follows by itself, in ms: pi retries and queues. */
const SETTLE_MS = 100;

/** What pi 0.73 does last before its agent may rest. */
const ENDS = ['agent_end', 'auto_retry_end', 'compaction_end'];

/** Whether pi does nothing, and nothing follows by itself. */
export const isAtRest = (pi: Pick<AgentSession, 'isStreaming' | 'isRetrying' | 'isCompacting'>): boolean =>
  !pi.isStreaming && !pi.isRetrying && !pi.isCompacting;

/**
 * Calls the listener each time that the agent has come to rest: no retry, no compaction and no message of the queue
 * follows by itself. pi 1.x says so. pi 0.73 does not: what follows begins within a moment. Returns what ends it.
 */
export function onSettled(pi: AgentSession, listener: () => void): () => void {
  let looking: NodeJS.Timeout | undefined;
  const settlesByItself = hasSettling(pi);
  const unsubscribe = pi.subscribe(({ type }: { type: string }) => {
    if (settlesByItself) {
      // The session counts as at rest once its listeners have returned.
      if (type === 'agent_settled') queueMicrotask(listener);
      return;
    }
    if (!ENDS.includes(type)) return;
    clearTimeout(looking);
    looking = setTimeout(() => isAtRest(pi) && listener(), SETTLE_MS);
  });
  return () => {
    clearTimeout(looking);
    unsubscribe();
  };
}

/** Resolves at once, or when a run that has ended is over, which takes no message from its queue any more. */
export async function untilQueueIsRead(pi: AgentSession, isEnding: boolean): Promise<void> {
  // pi 1.x looks into its queue until it is at rest.
  if (isEnding && !hasSettling(pi)) await pi.agent.waitForIdle();
}

function hasSettling(pi: AgentSession): boolean {
  return typeof Reflect.get(pi, 'waitForIdle') === 'function';
}
