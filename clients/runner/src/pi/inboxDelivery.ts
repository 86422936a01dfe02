import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { newId, type Author, type LinkEnd, type SessionEvent } from '@pizzapi/protocol';
import type { AgentInbox } from './agentInbox.js';
import { receivedEvent, type InboxMessage } from './inboxEntries.js';
import type { AgentInput, Outcome } from './types.js';

export interface InboxDeliveryDeps {
  pi: Pick<AgentSession, 'sessionManager'>;
  inbox: AgentInbox;
  /** Passes an input to pi. The sender has a result that says ok, so that the input outlives the end of this process. */
  submit: (input: AgentInput, how?: { isRestored: boolean }) => Promise<Outcome>;
  linkEnd: (by: Author) => Promise<LinkEnd | undefined>;
  /** The link of the author has ended: the agent does not read the message. */
  drop: (commandId: string, by: Author, why: LinkEnd) => void;
  isOver: () => boolean;
  emit: (event: SessionEvent) => void;
  /** Shows everybody who watches what went wrong. */
  showError: (text: string) => void;
}

/** Delivers messages of the inbox that no command of this process brought, and records what the agent reads. */
export class InboxDelivery {
  /** The message that pi is storing now. */
  #reading: string | undefined;

  constructor(private readonly deps: InboxDeliveryDeps) {}

  /** Delivers what an earlier process had accepted, unless the link of its guest has ended since. */
  async again({ id, policy: _policy, ...message }: InboxMessage): Promise<void> {
    const { emit, isOver, linkEnd, drop, submit, showError } = this.deps;
    const { by } = message;
    if (by !== undefined) {
      emit(receivedEvent(id, { ...message, by }));
      const ended = await linkEnd(by);
      if (isOver()) return;
      if (ended !== undefined) return drop(id, by, ended);
    }
    const outcome = await submit({ commandId: id, ...message }, { isRestored: true });
    if (outcome.kind === 'failed') showError(`Not delivered: ${outcome.error.message}`);
  }

  /** Delivers the answer to a prompt of an earlier process. Throws when pi refuses it. */
  async answer(text: string): Promise<void> {
    const id = newId('l');
    this.deps.inbox.accept({ id, text, policy: 'resendOnce', deliverAs: 'followUp' });
    const outcome = await this.deps.submit({ commandId: id, text, deliverAs: 'followUp' });
    if (outcome.kind === 'failed') throw new Error(outcome.error.message);
  }

  /** The agent reads a message, which pi stores next; undefined for one that is not of the inbox. */
  reading(id: string | undefined): void {
    this.#reading = id;
  }

  /** Records that the agent has read a message. Call it once pi has stored it: until then a crash delivers it again. */
  recordRead(): void {
    const id = this.#reading;
    this.#reading = undefined;
    if (id !== undefined) this.deps.inbox.consumed(id, this.deps.pi.sessionManager.getLeafId());
  }
}
