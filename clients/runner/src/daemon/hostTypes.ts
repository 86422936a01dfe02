import type { ErrorInfo } from '@pizzapi/protocol';
import type { CommandTraces } from './commandTraces.js';
import type { IpcNotification, OpeningStep } from '../ipc/messages.js';
import type { WorkerHandle } from '../ipc/startWorker.js';
import type { RunnerEventPublisher } from './runnerEventPublisher.js';
import type { LogAccess } from './directLogWriter.js';
import type { RunnerMetrics } from './metrics.js';
import type { EndedSessions } from './endedSessions.js';
import type { SessionStateRecorder } from './git/sessionStates.js';
import type { SessionRecords } from './records.js';
import type { WorkerPool } from './workerPool.js';

/** What the host of a session works with. */
export interface HostDeps extends LogAccess {
  /** The sessions that were erased, as their claims were refused. */
  erased: ReadonlySet<string>;
  pool: WorkerPool;
  records: SessionRecords;
  /** Records what sessions change. */
  states: Pick<SessionStateRecorder, 'begin' | 'endTurn' | 'remove'>;
  ended: EndedSessions;
  publisher: RunnerEventPublisher;
  metrics: RunnerMetrics;
  traces: CommandTraces;
  agentDir: string | undefined;
  idleMs: number;
  /** How long a session may take to open, in ms. */
  openMs: number;
  /** Whether sessions whose agents worked when this runner was stopped are woken at its next start. */
  continuesInterrupted: boolean;
  /** The version of the pi that new workers run on. */
  piVersion: () => string;
  /** A command is about to go to a worker. */
  passOn: (commandId: string) => void;
  /** The session is over, or another's: this runner is done with it. */
  onOver: (sid: string) => void;
}

/** What became of waking a session. */
export type WakeOutcome = { kind: 'awake'; attached: WorkerAttachment } | { kind: 'refused'; error: ErrorInfo };
export type ExitReason = Extract<IpcNotification, { type: 'leaving' }>['why'];

/** What became of a command, as far as the worker that was to have it can tell. */
export type CommandStatus = 'unseen' | 'working' | 'answered' | 'unknown';

/** The worker of a session and how it ends. */
export interface WorkerAttachment {
  worker: WorkerHandle;
  /** The number of the state that was applied last. */
  stateNo?: number;
  /** What the session shows, because its pi was replaced. */
  outdated?: string;
  why?: ExitReason;
  /** The session waits for room in its spool. */
  isPaused?: boolean;
  /** What the worker does while its session opens. */
  step?: OpeningStep;
  /** Resolves when it is gone and what follows from that is done. */
  departed: Promise<void>;
}
