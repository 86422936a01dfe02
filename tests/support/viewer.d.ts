import { type Api, type Session } from '@pizzapi/session-client';
import type { RunningStack } from './localStack.js';
export declare function apiOf(stage: RunningStack): Api;
/** A viewer that records every event that it receives, to compare with the log. */
export interface SessionWatcher {
    session: Session;
    events: {
        seq: number;
        event: {
            type: string;
        } & Record<string, unknown>;
    }[];
    /** Waits for the first event of this type after the offset `after`. */
    next(type: string, ms?: number, after?: number): Promise<{
        seq: number;
        event: Record<string, unknown>;
    }>;
    close(): void;
}
export declare function watch(stage: Pick<RunningStack, 'url' | 'token'>, sessionId: string, options?: {
    tail?: number;
}): SessionWatcher;
/** Starts a session with the demo model. Returns its id when the session runs and accepts input. */
export declare function newSession(stage: RunningStack, prompt?: string): Promise<string>;
/** Waits until the gateway sees the worker of a session, because it refuses commands before. */
export declare function untilHosted(stage: RunningStack, sid: string): Promise<void>;
/** Sends input to a session. Throws when it is refused. */
export declare function tell(stage: RunningStack, sid: string, text: string): Promise<void>;
/** The texts of the messages of one role. */
export declare const textsOf: (watcher: SessionWatcher, role: string) => string[];
/** Sends a command and waits for its result. */
export declare function resultOf(watcher: SessionWatcher, name: string, args?: Record<string, unknown>): Promise<import("@pizzapi/session-client").ClientCommandOutcome>;
//# sourceMappingURL=viewer.d.ts.map