import type { ExtensionAPI } from '@mariozechner/pi-coding-agent';
import type {
  ApprovalLimits,
  Author,
  GuestRef,
  LinkEnd,
  MessageAbout,
  PiOptions,
  SessionEvent,
} from '@pizzapi/protocol';
import type { LinkTimes } from '../../linked/linkedCommands.js';
import { emptyLinkState, LINK_ENTRY, applyLinkEntry, type LinkEntry, type LinkState } from '../../linked/linkState.js';
import type { AgentInbox } from '../agentInbox.js';
import { receivedEvent, type InboxMessage } from '../inboxEntries.js';
import type { Outcome } from '../types.js';
import { RETRY_PREFIX } from './restartRecovery.js';

/** Characters of an id. */
const MAX_ID = 64;

/** What the session gives to its links. */
export interface LinkPort {
  sessionId: string;
  /** The session that started it, if a session did. */
  parentSessionId?: string | undefined;
  /** What its agent may not do, as options of pi. */
  limits?: PiOptions | undefined;
  /** What its agent may not do without an approval; see `HumanExtension.limitsFor`. */
  approvalsFor: (isHere: boolean) => Promise<ApprovalLimits | undefined>;
  emit: (event: SessionEvent) => void;
  /** The agent's inbox, once there is a session. */
  inbox: () => Pick<AgentInbox, 'has' | 'accept' | 'readAs' | 'hasUnreadAnswer'> | undefined;
  /** Passes a text to the agent, to be read after its current work. */
  prompt: (input: { commandId: string; text: string; by: Author; about?: MessageAbout }) => Promise<Outcome>;
  /** Whether the agent does not work and its queue is empty. */
  isIdle: () => boolean;
  /** The guests whose inputs are in the current turn of its agent. */
  guests: () => GuestRef[];
  /** A person or a session has answered what its agent waits for. */
  heard: (by: Author) => void;
  /** Whether its agent may approve now what people have to approve: not in the turn of a guest who may not. */
  mayApprove: () => boolean;
  /** Why messages for these guests are not delivered any more, or undefined. */
  linkEnd: (by: Author) => Promise<LinkEnd | undefined>;
  times: LinkTimes;
  /** ms since epoch. */
  now: () => number;
}

/** What the channels to the parent and to the children share: the agent, and the state of the links. */
export class LinkContext {
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
    applyLinkEntry(this.state, entry);
    this.pi.appendEntry(LINK_ENTRY, { sid: this.port.sessionId, ...entry });
  }

  /** The guests of the current turn, for an event that is emitted in it. */
  inTurn(): { guests?: GuestRef[] } {
    const guests = this.port.guests();
    return guests.length === 0 ? {} : { guests };
  }

  emit(event: SessionEvent): void {
    this.port.emit(event);
  }

  /** Whether a message was delivered or is being delivered, by this process or an earlier one. */
  isAccepted(id: string): boolean {
    return this.port.inbox()?.has(id) === true;
  }

  /**
   * Gives the agent a message, once. What a process that dies has not delivered, the next one delivers. `about` is what
   * people see instead of the text, which is for the agent.
   */
  async deliver(id: string, text: string, by: Author, about: MessageAbout | undefined): Promise<Outcome> {
    const shown = about === undefined ? {} : { about };
    const message = { id, text, by, policy: 'retryInterrupted', deliverAs: 'followUp', ...shown } as const;
    if (this.port.inbox()?.accept(message) !== true) return { kind: 'ok' };
    this.emit(receivedEvent(id, message));
    return this.port.prompt({ commandId: id, text, by, ...shown });
  }

  /** Gives the agent once more the message that it was working on when its process died. */
  async retryInterrupted({ id, text, by, about }: InboxMessage): Promise<void> {
    if (by === undefined || ((by.guests ?? []).length > 0 && (await this.port.linkEnd(by)) !== undefined)) return;
    const again = `${text}\n\n(You were interrupted while you worked on this.)`;
    await this.deliver(`${RETRY_PREFIX}${id}`.slice(0, MAX_ID), again, by, about);
  }
}
