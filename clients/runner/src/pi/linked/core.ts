import type { ExtensionAPI } from '@mariozechner/pi-coding-agent';
import type { ApprovalLimits, Author, PiOptions, SessionEvent } from '@pizzapi/protocol';
import type { LinkTimes } from '../../linked/fromLinked.js';
import {
  emptyLinkState,
  LINK_ENTRY,
  noteLink,
  type Letter,
  type LinkEntry,
  type LinkState,
} from '../../linked/state.js';
import type { Outcome } from '../types.js';
import { AGAIN } from './story.js';

/** Characters of an id. */
const MAX_ID = 64;

/** What the host of a session gives to its link. */
export interface LinkPort {
  sessionId: string;
  /** What it was started by, if by a session. */
  parentSessionId?: string | undefined;
  /** What its agent may not do. */
  limits?: PiOptions | undefined;
  /** What its agent may not do without an approval; see `HumanExtension.limitsFor`. */
  approvalsFor: (isHere: boolean) => Promise<ApprovalLimits | undefined>;
  emit: (event: SessionEvent) => void;
  /** Hands a text to the agent after what it does now. */
  prompt: (input: { commandId: string; text: string; by: Author }) => Promise<Outcome>;
  /** Whether the agent does nothing and nothing waits for it. */
  isIdle: () => boolean;
  times: LinkTimes;
  /** ms since epoch. */
  now: () => number;
}

/** What both sides of a link share: what is known of it, kept in pi's session file, and the way to the agent. */
export class LinkCore {
  state: LinkState = emptyLinkState();

  constructor(
    readonly pi: ExtensionAPI,
    readonly port: LinkPort,
  ) {}

  /** The parent, while there is one. */
  get parent(): string | undefined {
    return this.state.orphan ? undefined : this.port.parentSessionId;
  }

  keep(entry: LinkEntry): void {
    noteLink(this.state, entry);
    this.pi.appendEntry(LINK_ENTRY, { sid: this.port.sessionId, ...entry });
  }

  emit(event: SessionEvent): void {
    this.port.emit(event);
  }

  /** Gives the agent something to read, once: what a process that died had not yet given is given by the next. */
  async deliver(id: string, text: string, by: Author): Promise<Outcome> {
    if (this.state.letters.has(id)) return { kind: 'ok' };
    this.keep({ kind: 'letter', id, text, userId: by.userId });
    return this.hand(id, text, by);
  }

  /** Hands over the letters that the story does not hold. */
  redeliver(read: ReadonlySet<string>): void {
    for (const { id, text, userId } of this.state.letters.values()) {
      if (!read.has(text)) void this.hand(id, text, { userId, via: 'agent' });
    }
  }

  /** Gives the agent once more what it had begun with when its process died. */
  deliverAgain({ id, text, userId }: Letter): Promise<Outcome> {
    const again = `${text}\n\n(You were interrupted while you worked on this.)`;
    return this.deliver(`${AGAIN}${id}`.slice(0, MAX_ID), again, { userId, via: 'agent' });
  }

  private hand(commandId: string, text: string, by: Author): Promise<Outcome> {
    this.emit({ type: 'input_received', at: this.port.now(), commandId, text, by, deliverAs: 'followUp' });
    return this.port.prompt({ commandId, text, by });
  }
}
