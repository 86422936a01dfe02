import type { SessionEntry, SessionManager } from '@mariozechner/pi-coding-agent';
import { BoundedMap } from '@pizzapi/protocol';
import {
  acceptedData,
  INBOX_DONE_ENTRY,
  INBOX_ENTRY,
  INBOX_QUEUE_ENTRY,
  readInboxEntry,
  type InboxMessage,
  type InboxOwner,
  type QueuedRecord,
} from './inboxEntries.js';
import type { AgentInput } from './types.js';
import { userText } from './userTexts.js';

/** How many messages are remembered as accepted; the oldest make room. */
const REMEMBERED = 500;

type History = Pick<SessionManager, 'appendCustomEntry' | 'getEntries' | 'getBranch' | 'getSessionId'>;

/** A message, and what the file records of it. */
interface Item {
  message: InboxMessage;
  /** The index of the entry that accepted it. */
  at: number;
  /** That entry is of a kind that earlier versions wrote, without a record of the reading. */
  isOld: boolean;
  isResent: boolean;
  isDone: boolean;
  isOnBranch: boolean;
}

/**
 * The messages that are accepted for the agent and that it may not have read yet. pi keeps them in memory only, so each
 * is recorded in pi's session file until the agent has read it. `restore` returns what the next process has to deliver.
 */
export class AgentInbox {
  /** Accepted messages, by id. */
  readonly #messages = new BoundedMap<string, { message: InboxMessage; isOpen: boolean }>(REMEMBERED);
  /** Which message the agent read as which entry of the history. */
  readonly #readAs = new Map<string, InboxMessage>();
  #isQueueHeld = false;

  constructor(
    private readonly history: History,
    private readonly sid: string | undefined,
  ) {}

  /** Whether a message was accepted before, by this process or an earlier one. */
  has(id: string): boolean {
    return this.#messages.has(id);
  }

  /** Whether an answer of a person is on its way to the agent. */
  get hasUnreadAnswer(): boolean {
    return [...this.#messages.values()].some(({ message, isOpen }) => isOpen && message.policy === 'resendOnce');
  }

  /** Records a message before it goes to pi. False, and nothing recorded, when it was accepted before. */
  accept(message: InboxMessage): boolean {
    if (this.has(message.id)) return false;
    this.#remember(message, true);
    this.history.appendCustomEntry(INBOX_ENTRY, acceptedData(this.#owner, message, false));
    return true;
  }

  /**
   * Records that nothing is left to do: the agent has read the message as `entryId` of the history or, without one, the
   * message was refused or withdrawn.
   */
  consumed(id: string, entryId?: string | null): void {
    const known = this.#messages.get(id);
    if (known?.isOpen !== true) return;
    known.isOpen = false;
    const read = entryId === undefined || entryId === null ? {} : { entryId };
    this.history.appendCustomEntry(INBOX_DONE_ENTRY, { sessionId: this.#owner.piSessionId, id, ...read });
  }

  /** Whether the queue that `restore` returned waits for a person. */
  get isQueueHeld(): boolean {
    return this.#isQueueHeld;
  }

  /** Records the queue as a person has changed it, for the next process. Messages that are not recorded are left out. */
  recordQueue(isHeld: boolean, inputs: readonly AgentInput[]): void {
    const open = inputs.filter(({ commandId }) => this.#messages.get(commandId)?.isOpen === true);
    if (open.length === 0) return;
    const records = open.map(({ commandId: id, text, deliverAs }) => ({ id, text, deliverAs }));
    const { piSessionId: sessionId } = this.#owner;
    this.history.appendCustomEntry(INBOX_QUEUE_ENTRY, { sessionId, isHeld, inputs: records });
  }

  /** Withdraws every message: the session ends for good. */
  close(): void {
    for (const id of [...this.#messages.keys()]) this.consumed(id);
  }

  /** Whether a message is an answer, which no event announced to viewers. */
  isUnannounced(id: string): boolean {
    return this.#messages.get(id)?.message.policy === 'resendOnce';
  }

  /** The message that the agent read as an entry of the history before this process. */
  readAs(entryId: string): InboxMessage | undefined {
    return this.#readAs.get(entryId);
  }

  /** Reads the file. Returns the messages that the agent has not read, in order; they stay recorded. */
  restore(): InboxMessage[] {
    const entries = this.history.getEntries();
    const items = this.#load(entries);
    matchByText(entries, items, this.#readAs);
    const unread = [...items.values()].filter(
      ({ message: { policy }, isDone, isResent, isOnBranch }) =>
        !isDone && (policy !== 'resendOnce' || (!isResent && isOnBranch)),
    );
    for (const item of items.values()) this.#remember(item.message, unread.includes(item));
    for (const { message } of unread) {
      if (message.policy !== 'resendOnce') continue;
      this.history.appendCustomEntry(INBOX_ENTRY, acceptedData(this.#owner, message, true));
    }
    return unread.map(({ message }) => message);
  }

  get #owner(): InboxOwner {
    return { piSessionId: this.history.getSessionId(), sid: this.sid };
  }

  #remember(message: InboxMessage, isOpen: boolean): void {
    this.#messages.set(message.id, { message, isOpen });
  }

  #load(entries: readonly SessionEntry[]): Map<string, Item> {
    const owner = this.#owner;
    const branch = new Set(this.history.getBranch().map(({ id }) => id));
    const items = new Map<string, Item>();
    entries.forEach((entry, at) => {
      const record = readInboxEntry(entry, owner);
      if (record?.kind === 'queue') {
        this.#isQueueHeld = record.isHeld;
        return arrange(items, record.inputs);
      }
      if (record?.kind === 'accepted') {
        // The next input ends the hold of the queue.
        if (!record.isResent) this.#isQueueHeld = false;
        const { message, isResent, isOld } = record;
        items.set(message.id, { message, at, isOld, isResent, isDone: false, isOnBranch: branch.has(entry.id) });
      } else if (record?.kind === 'done') {
        const item = items.get(record.id);
        if (item === undefined) return;
        item.isDone = true;
        if (record.entryId !== undefined) this.#readAs.set(record.entryId, item.message);
      } else if (record?.kind === 'resent') {
        const item = [...items.values()].find(
          ({ message: { text, policy }, isResent }) => policy === 'resendOnce' && !isResent && text === record.text,
        );
        if (item !== undefined) item.isResent = true;
      }
    });
    return items;
  }
}

/** Gives recorded messages the order and the texts of a recorded queue. Messages that it does not name keep their place. */
function arrange(items: Map<string, Item>, inputs: readonly QueuedRecord[]): void {
  for (const { id, text, deliverAs } of inputs) {
    const item = items.get(id);
    if (item === undefined) continue;
    item.message = { ...item.message, text, ...(deliverAs === undefined ? {} : { deliverAs }) };
    items.delete(id);
    items.set(id, item);
  }
}

/**
 * Finds the messages that the agent has read although no record says so: a message of the history counts for one inbox
 * message at most, and only for one that was accepted before it. Entries of earlier versions were never recorded as
 * read. A record of this version is missing only where the process died right after pi had stored the message, which is
 * then the last one.
 */
function matchByText(
  entries: readonly SessionEntry[],
  items: ReadonlyMap<string, Item>,
  readAs: Map<string, InboxMessage>,
): void {
  const lastMessage = entries.findLastIndex(({ type }) => type === 'message');
  for (const item of items.values()) {
    if (item.isDone) continue;
    const { message, at, isOld } = item;
    const found = entries.find(
      (entry, index) =>
        index > at && (isOld || index === lastMessage) && !readAs.has(entry.id) && userText(entry) === message.text,
    );
    if (found === undefined) continue;
    item.isDone = true;
    readAs.set(found.id, message);
  }
}
