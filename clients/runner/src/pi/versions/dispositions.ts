import type { AgentSession } from '@mariozechner/pi-coding-agent';

/** What pi says of an input before it runs: pi 1.x what becomes of it, pi 0.73 only whether it takes it. */
type PreflightResult = 'handled' | 'queued' | 'started' | boolean;

/** Whether pi takes an input. */
export const isTaken = (result: PreflightResult): boolean => result !== false;

/** Whether an extension has dealt with an input, which never becomes a message. pi 0.73 does not say so. */
export const isHandled = (result: PreflightResult): boolean => result === 'handled';

/**
 * Whether pi returns from a prompt that it has not looked at, and makes it again later with the same options. pi 1.x does
 * so while it reports that its agent has come to rest. pi 0.73 does not report that.
 */
export const mayPutOff = (pi: AgentSession): boolean => typeof Reflect.get(pi, 'waitForIdle') === 'function';
