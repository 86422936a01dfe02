import { errorInfo, toolLimits } from '@pizzapi/protocol';
import { LINK_TIMES, type LinkTimes } from '../../linked/linkedCommands.js';
import type { AgentInbox } from '../agentInbox.js';
import type { GuestWork } from '../guestWork.js';
import type { SessionParts } from '../parts.js';
import type { OpenOptions, PiSession, PiSink } from '../types.js';
import { linkedExtension, type LinkedExtension } from './extension.js';

/** What a link asks of the session that it is part of. */
interface LinkHost extends Pick<PiSession, 'submitInput' | 'state' | 'linkEnd'> {
  readonly guests: Pick<GuestWork, 'turn' | 'mayApprove' | 'answered'>;
  readonly inbox: Pick<AgentInbox, 'has' | 'accept' | 'readAs' | 'hasUnreadAnswer'>;
}

/** The link of a session that we host; undefined where it is not known which session it is. */
export function linkOf(
  { linked, isResumed, pi = {} }: Pick<OpenOptions, 'linked' | 'isResumed' | 'pi'>,
  parts: SessionParts,
  session: () => LinkHost | undefined,
): LinkedExtension | undefined {
  if (linked === undefined) return undefined;
  return linkedExtension({
    ...{ sessionId: linked.sessionId, parentSessionId: linked.parentSessionId },
    limits: toolLimits(pi),
    approvalsFor: async (isHere) => parts.human?.limitsFor(isHere),
    emit: (event) => parts.emit(event),
    inbox: () => session()?.inbox,
    prompt: async (input) =>
      session()?.submitInput({ ...input, deliverAs: 'followUp' }) ?? {
        kind: 'failed',
        error: errorInfo('session_ended'),
      },
    isIdle: () => {
      const state = session()?.state();
      if (state === undefined) return false;
      const { isStreaming, isRetrying, isCompacting, queue } = state;
      return !isStreaming && !isRetrying && !isCompacting && queue.steering.length + queue.followUp.length === 0;
    },
    guests: () => session()?.guests.turn ?? [],
    mayApprove: () => session()?.guests.mayApprove ?? true,
    heard: (by) => session()?.guests.answered(by),
    linkEnd: async (by) => session()?.linkEnd(by),
    times: linked.times ?? timesFrom(process.env['PIZZAPI_LINK_WAIT_SECONDS']),
    now: () => parts.clock.now(),
    isResumed: isResumed === true,
  });
}

/** A sink whose events the link sees as well. */
export function seenBy(sink: PiSink, link: () => LinkedExtension | undefined): PiSink {
  return {
    event: (event) => {
      sink.event(event);
      link()?.observe(event);
    },
    delta: (delta) => sink.delta(delta),
  };
}

/** An answer is taken for twice as long as a tool waits for it. */
function timesFrom(seconds: string | undefined): LinkTimes {
  const waitMs = Number(seconds) * 1_000;
  return waitMs > 0 ? { waitMs, answerMs: 2 * waitMs } : LINK_TIMES;
}
