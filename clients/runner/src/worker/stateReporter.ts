import type { SessionWriter } from '@pizzapi/backbone';
import type { Assignment, WorkerSessionState } from '../ipc/messages.js';
import type { PiSession } from '../pi/index.js';

/** How long after an event the state is looked at, in ms: events come in groups. */
const LOOK_MS = 50;

export interface StateReporterDeps {
  assignment: Pick<Assignment, 'sid' | 'cwd' | 'epoch'>;
  pi: PiSession;
  writer: Pick<SessionWriter, 'spool'>;
  /** The state changed. */
  onState: (state: WorkerSessionState) => void;
}

/** Reports the state of a session to its host whenever it has changed. */
export class StateReporter {
  private pending: NodeJS.Timeout | undefined;
  private reported = '';
  private isStopped = false;
  private count = 0;

  constructor(private readonly deps: StateReporterDeps) {}

  /** The state now. */
  state(): WorkerSessionState {
    const { assignment, pi, writer } = this.deps;
    const { sid, cwd, epoch } = assignment;
    const file = pi.sessionFile;
    return {
      sid,
      epoch,
      cwd,
      activity: this.isBusy() ? 'working' : 'idle',
      ...(file === undefined ? {} : { file }),
      model: pi.model(),
      name: pi.name(),
      thinkingLevel: pi.thinkingLevel(),
      spool: writer.spool(),
      no: ++this.count,
    };
  }

  /** Whether the agent works or waits for a dialog. */
  isBusy(): boolean {
    const { isStreaming, isCompacting, isRetrying, isBashRunning, openDialogs } = this.deps.pi.state();
    return isStreaming || isCompacting || isRetrying || isBashRunning || openDialogs > 0;
  }

  /** Reports the state soon. */
  look(): void {
    if (this.isStopped) return;
    this.pending ??= setTimeout(() => {
      this.pending = undefined;
      this.report();
    }, LOOK_MS);
  }

  /** Reports the state now, if it differs from what was reported. */
  report(): void {
    const state = this.state();
    const { spool: _spool, no: _no, ...kept } = state;
    const text = JSON.stringify([kept, state.spool.full]);
    if (text === this.reported) return;
    this.reported = text;
    this.deps.onState(state);
  }

  /** Reports nothing from now on by itself. */
  stop(): void {
    this.isStopped = true;
    clearTimeout(this.pending);
  }
}
