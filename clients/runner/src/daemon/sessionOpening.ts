import { withTimeout } from '@pizzapi/process';
import {
  CodedError,
  errorInfo,
  toErrorInfo,
  type ErrorCode,
  type ErrorInfo,
  type SessionEvent,
} from '@pizzapi/protocol';
import type { Assignment, OpeningStep, SessionStart, WorkerSessionState } from '../ipc/messages.js';
import type { WorkerHandle } from '../ipc/startWorker.js';
import { buildAssignment } from './assignment.js';
import { claimSoon, isGone } from './grants.js';
import type { HostDeps, WorkerAttachment } from './hostTypes.js';
import type { SessionRecord } from './records.js';

/** What became of opening a session in a worker. The caller ends the worker of a refused session. */
type OpeningOutcome = { kind: 'opened'; state: WorkerSessionState } | { kind: 'refused'; error: ErrorInfo };

interface OpeningOptions {
  /** Aborts when the daemon stops. */
  signal: AbortSignal;
  /** Whether a command has ended the session meanwhile. */
  isKilled: () => boolean;
  /** Watches the worker from now on. */
  attach: (worker: WorkerHandle) => Promise<WorkerAttachment>;
}

const KILLED = { kind: 'refused', error: errorInfo('session_ended', 'The session was ended while it opened') } as const;

/** Opens a session in a worker. Never rejects: a failure is a refusal. */
export async function openSession(
  deps: HostDeps,
  record: SessionRecord,
  beginning: SessionStart,
  { signal, isKilled, attach }: OpeningOptions,
): Promise<(Extract<OpeningOutcome, { kind: 'opened' }> & { attached: WorkerAttachment }) | typeof KILLED | Refused> {
  const { pool, home, log, openMs } = deps;
  const { sid } = record;
  try {
    const grant = await claimSoon(deps, sid, signal);
    if (grant.kind === 'refused') return { kind: 'refused', error: { code: grant.code, message: grant.message } };
    record.userId = grant.userId;
    const attached = await attach(await pool.take(home.log(sid)));
    if (isKilled()) return KILLED;
    const assignment = buildAssignment(record, grant, deps, beginning);
    const opened = await openInWorker(attached.worker, assignment, { openMs, step: () => attached.step });
    pool.refill();
    if (isKilled()) return KILLED;
    return opened.kind === 'opened' ? { ...opened, attached } : opened;
  } catch (error) {
    log.error({ sid, err: error }, 'session did not start');
    if (error instanceof CodedError) return { kind: 'refused', error: toErrorInfo(error) };
    return { kind: 'refused', error: errorInfo('runner_failed', String(error)) };
  }
}

type Refused = Extract<OpeningOutcome, { kind: 'refused' }>;

/** After so long, in ms, the gateway answers that a session may still begin, and does not wait for its result. */
const LATE_MS = 10_000;

/** Whether people read in a log why a session did not open: the sender of `new_session` does not wait any more. */
export function needsLog(code: ErrorCode, tookMs: number): boolean {
  const isUntold = code === 'runner_failed' || code === 'unavailable' || isGone(code);
  return code === 'open_timeout' || (tookMs > LATE_MS && !isUntold);
}

/** The first event of a session that did not open. */
export const startedEvent =
  ({ runnerId, piVersion }: HostDeps, { cwd, name = '', model = '' }: SessionRecord) =>
  (epoch: number, userId: string): SessionEvent => ({
    ...{ type: 'session_started', at: Date.now() },
    ...{ cwd, name, model, runnerId, userId, epoch, piVersion: piVersion() },
  });

/**
 * Has a worker begin its session. A worker that has not done so after `openMs` hangs: the error states at which step.
 */
async function openInWorker(
  { link }: Pick<WorkerHandle, 'link'>,
  assignment: Assignment,
  { openMs, step }: { openMs: number; step: () => OpeningStep | undefined },
): Promise<OpeningOutcome> {
  const asked = await withTimeout(link.request('assign', { assignment }), openMs);
  if (asked === undefined) return { kind: 'refused', error: hung(openMs, step()) };
  if (asked.kind === 'answered') return { kind: 'opened', state: asked.answer };
  if (asked.kind === 'refused') return asked;
  return { kind: 'refused', error: errorInfo('runner_failed', 'The worker process died') };
}

function hung(openMs: number, step: OpeningStep | undefined): ErrorInfo {
  const what = step === undefined ? '' : ` It was ${step.doing}.`;
  // The log is not there: the opening is tried again.
  const code = step?.waitsFor === 'log' ? 'unavailable' : 'open_timeout';
  return errorInfo(code, `The session did not open within ${Math.round(openMs / 1_000)} s.${what}`);
}
