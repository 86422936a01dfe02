import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { PersonShell } from './exec.js';
import type { InputQueue } from './inputQueue.js';
import type { SessionParts } from './parts.js';
import type { RunEnds } from './runEnds.js';
import type { Outcome } from './types.js';

interface RunStopDeps {
  pi: AgentSession;
  parts: SessionParts;
  prompts: InputQueue;
  runEnds: RunEnds;
  shell: PersonShell;
}

/** Stops what the agent does. */
export class RunStop {
  constructor(private readonly deps: RunStopDeps) {}

  /** Stops the run of the agent, and nothing else. Then the agent continues with what others have sent. */
  async run(): Promise<Outcome> {
    const { pi, parts, prompts, runEnds } = this.deps;
    const release = parts.dialogs.refuse();
    prompts.hold();
    const stopped = await runEnds.within(pi.abort().finally(release));
    if (stopped.kind === 'ok') prompts.release();
    return stopped;
  }

  /** Stops the run, compactions and the shell command of a person. */
  all(): Promise<Outcome> {
    const { pi, parts, runEnds, shell } = this.deps;
    // pi waits for the tool, the tool for its question: without an answer that would be for ever.
    const release = parts.dialogs.refuse();
    pi.abortCompaction();
    pi.abortBranchSummary();
    pi.abortBash();
    return runEnds.within(Promise.all([pi.abort(), shell.running]).finally(release));
  }
}
