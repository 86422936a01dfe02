import type { ErrorInfo } from '@pizzapi/protocol';
import type { Notice } from '../link/messages.js';
import type { Announcer } from './announcer.js';
import type { LogAccess } from './closing.js';
import type { Meters } from './meters.js';
import type { SessionRecords } from './records.js';
import type { WorkerHandle, WorkerPool } from './workers.js';

/** What the host of a session works with. */
export interface HostDeps extends LogAccess {
  pool: WorkerPool;
  records: SessionRecords;
  announcer: Announcer;
  meters: Meters;
  agentDir: string | undefined;
  idleMs: number;
  /** The session is over, or another's: this runner is done with it. */
  onOver: (sid: string) => void;
}

/** What became of waking a session. */
export type Woken = { kind: 'awake'; attached: Attached } | { kind: 'refused'; error: ErrorInfo };
export type Why = Extract<Notice, { type: 'leaving' }>['why'];

/** What became of a command, as far as the worker that was to have it can tell. */
export type Known = 'unseen' | 'working' | 'answered' | 'unknown';

/** The worker of a session and how it ends. */
export interface Attached {
  worker: WorkerHandle;
  why?: Why;
  /** Resolves when it is gone and what follows from that is done. */
  departed: Promise<void>;
}
