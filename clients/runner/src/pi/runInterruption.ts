import type { AgentSession, SessionEntry } from '@mariozechner/pi-coding-agent';
import { CONTINUE_INPUT, isMap, newId, type GuestRef, type SessionEvent } from '@pizzapi/protocol';
import type { AgentInput, OpenOptions, Outcome } from './types.js';
import { SYSTEM } from './userMessageOrigin.js';

/** The entry of pi's session file that records a run which the stop of its host has ended. */
const INTERRUPTED_ENTRY = 'pizzapi.interrupted';

type Wish = Pick<OpenOptions, 'continuesInterrupted' | 'isResumed' | 'linked'>;

/** Whether a session continues by itself. The parent session of a child gets the interruption as a result, and decides. */
export function continuesByItself({ continuesInterrupted, isResumed, linked }: Wish): boolean {
  return continuesInterrupted === true && isResumed === true && linked?.parentSessionId === undefined;
}

export interface RunInterruptionDeps {
  pi: Pick<AgentSession, 'isStreaming' | 'sessionManager'>;
  /** Whether the agent runs, or is about to try again. */
  isAtWork: () => boolean;
  /** The guests in whose turn the agent works. */
  guests: () => readonly GuestRef[];
  /** Whether the person wants it, and nothing else is about to have the agent continue. */
  canContinue: () => boolean;
  /** Passes an input to the agent. */
  submit: (input: AgentInput) => Promise<Outcome>;
  emit: (event: SessionEvent) => void;
  /** Shows everybody who watches what went wrong. */
  showError: (text: string) => void;
}

/**
 * Reports that the host stops while the agent works, and has the agent continue at the next start. The work of guests
 * needs a person for that, because the rights of the guests hold for their own turn only. A process that died recorded
 * nothing, because the work itself may have ended it: that run needs a person, too.
 */
export class RunInterruption {
  constructor(private readonly deps: RunInterruptionDeps) {}

  /** The host stops, and the session is resumed later. Call it before the agent is stopped. */
  hostStops(): void {
    const { pi, isAtWork, guests, emit } = this.deps;
    if (!isAtWork()) return;
    emit({ type: 'run_interrupted', at: Date.now() });
    const { sessionManager } = pi;
    const sessionId = sessionManager.getSessionId();
    sessionManager.appendCustomEntry(INTERRUPTED_ENTRY, { sessionId, isGuests: guests().length > 0 });
  }

  /** Has the agent continue the run that `hostStops` has recorded in an earlier process. */
  async continueRun(): Promise<void> {
    const { pi, canContinue, submit, emit, showError } = this.deps;
    if (pi.isStreaming || !canContinue() || !this.#isRecorded()) return;
    const input = { commandId: newId('c'), text: CONTINUE_INPUT, by: SYSTEM };
    emit({ type: 'input_received', at: Date.now(), ...input, deliverAs: 'prompt' });
    const outcome = await submit(input);
    if (outcome.kind === 'failed') showError(`The agent did not continue: ${outcome.error.message}`);
  }

  /** Whether the last run of this session ended so, without guests. */
  #isRecorded(): boolean {
    const { sessionManager } = this.deps.pi;
    const entries = sessionManager.getBranch();
    const input = entries.findLastIndex((entry) => entry.type === 'message' && entry.message.role === 'user');
    const record = entries.slice(input + 1).findLast(isInterruption)?.data;
    return record?.['sessionId'] === sessionManager.getSessionId() && record['isGuests'] === false;
  }
}

function isInterruption(entry: SessionEntry): entry is SessionEntry & { data: Record<string, unknown> } {
  return entry.type === 'custom' && entry.customType === INTERRUPTED_ENTRY && isMap(entry.data);
}
