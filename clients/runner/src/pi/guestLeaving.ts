import {
  errorInfo,
  guestsIn,
  linkEndText,
  type Author,
  type CommandArgs,
  type ErrorInfo,
  type LinkEnd,
  type SessionEvent,
} from '@pizzapi/protocol';
import type { GuestWork } from './guestWork.js';
import type { AgentInbox } from './agentInbox.js';
import type { InputQueue } from './inputQueue.js';
import type { Outcome } from './types.js';

export interface GuestLeavingDeps {
  guests: GuestWork;
  prompts: Pick<InputQueue, 'takeBack'>;
  inbox: Pick<AgentInbox, 'consumed'>;
  sessionId: () => string;
  /** Whether the agent runs, or is about to try again. */
  isAtWork: () => boolean;
  /** Stops the run of the agent, which then continues with what others have sent. */
  stopRun: () => Promise<Outcome>;
  emit: (event: SessionEvent) => void;
  /** Shows a line to everybody who watches. */
  warn: (text: string) => void;
}

type Named = { name?: string };

/** The error for an input of a guest that the agent does not read any more. */
export const droppedError = ({ name = '' }: Named, why: LinkEnd): ErrorInfo =>
  errorInfo('link_ended', `This was not read by the agent. ${linkEndText({ name }, why)}`);

/** Ends the work and withdraws the inputs of a guest whose link has ended. The work of others continues. */
export class GuestLeaving {
  constructor(private readonly deps: GuestLeavingDeps) {}

  async leave({
    shareId,
    name = '',
    why,
  }: CommandArgs<'guest_left'>): Promise<Outcome<{ stopped: boolean; dropped: number }>> {
    const { guests, prompts, sessionId, isAtWork, stopRun, warn } = this.deps;
    const isTheirs = (by: Author) => guestsIn(by, sessionId()).some((other) => other.shareId === shareId);
    const dropped = prompts.takeBack(isTheirs, droppedError({ name }, why));
    this.dropped(dropped, { name }, why);
    const stopped = guests.leave(shareId, why) && isAtWork();
    const stop: Outcome = stopped ? await stopRun() : { kind: 'ok' };
    guests.tell();
    if (stopped || dropped.length > 0) warn(leftText({ name }, why, stopped, dropped.length));
    return stop.kind === 'failed' ? stop : { kind: 'ok', stopped, dropped: dropped.length };
  }

  /** Reports that the agent will not read inputs that were accepted. */
  dropped(commandIds: readonly string[], guest: Named, why: LinkEnd): void {
    for (const commandId of commandIds) {
      this.deps.inbox.consumed(commandId);
      this.deps.emit({ type: 'input_dropped', at: Date.now(), commandId, error: droppedError(guest, why) });
    }
  }
}

function leftText(guest: Named, why: LinkEnd, stopped: boolean, dropped: number): string {
  const inputs = dropped === 1 ? 'an input that waited' : `${dropped} inputs that waited`;
  const ended = [...(stopped ? ['what the agent did for them'] : []), ...(dropped === 0 ? [] : [inputs])];
  const next = stopped ? ' Write to have the agent go on.' : '';
  return `${linkEndText(guest, why)} Ended: ${ended.join(', and ')}.${next}`;
}
