import type { SessionEvent, SessionPi } from '@pizzapi/protocol';
import type { Logger, Tracing } from '@pizzapi/process';
import type { OpeningStep, WorkerSessionState } from '../ipc/messages.js';
import type { PiSession, PiSink } from '../pi/index.js';
import type { openPi } from './openPi.js';

/** `opened` for this session. `running` before its session is hosted: its history begins the log. */
export type HostedAgent =
  { kind: 'opened'; open: typeof openPi } | { kind: 'running'; share: (sink: PiSink) => PiSession };

export interface WorkerSessionDeps {
  natsUrl: string;
  log: Logger;
  /** Records no spans when left out. */
  tracing?: Tracing;
  /** The pi that the session runs on, for its log. */
  pi: SessionPi;
  /** The state changed. */
  onState(state: WorkerSessionState): void;
  /** What is about to be done while the session opens. */
  onStep(step: OpeningStep): void;
  /** A newer host owns the session: it is stopped already. */
  onFenced(): void;
  /** The backbone does not take the session's login any more. */
  onRefused(): void;
  /** An extension asked for the end of the session. */
  onShutdownRequested(): void;
  agent: HostedAgent;
  /** What such an agent did since the session was last hosted. */
  missed?: () => SessionEvent[];
}

/** How a session of a terminal stops being hosted. Its agent continues without a log. */
export interface WorkerEndReason {
  kind: 'end';
  reason: 'completed' | 'error';
  message?: string;
}
