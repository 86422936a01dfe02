import type { SessionEntry } from '@mariozechner/pi-coding-agent';
import {
  arrayAt,
  DELIVER_AS,
  guestsAt,
  isMap,
  isSessionEvent,
  stringAt,
  type Author,
  type SessionEvent,
} from '@pizzapi/protocol';
import type { AgentInput } from './types.js';

/** The entries of pi's session file that hold the inbox. */
export const INBOX_ENTRY = 'pizzapi.inbox';
export const INBOX_DONE_ENTRY = 'pizzapi.inbox-done';
/** The queue after a person changed it: its order, the changed texts, and whether it waits for a person. */
export const INBOX_QUEUE_ENTRY = 'pizzapi.inbox-queue';

/** Historical entry kinds of earlier versions. They are read, because users' files hold them, and never written. */
const OLD_INPUT_ENTRY = 'pizzapi.input';
const OLD_INPUT_OVER_ENTRY = 'pizzapi.input-over';
const OLD_ANSWER_ENTRY = 'pizzapi.late-answer';
const OLD_LINK_ENTRY = 'pizzapi.link';

/**
 * What the next process does with a message that the agent has not read when its process dies.
 *
 * - `untilRead`: delivers it. For the inputs of people.
 * - `retryInterrupted`: delivers it, and delivers once more the one that the agent was working on. For the messages of
 *   linked sessions.
 * - `resendOnce`: delivers it once more, and never again. For answers to prompts of an earlier process.
 */
export type InboxPolicy = 'untilRead' | 'retryInterrupted' | 'resendOnce';

/** A message for the agent. `by` is missing where nobody is shown as its author. */
export interface InboxMessage extends Omit<AgentInput, 'commandId'> {
  id: string;
  policy: InboxPolicy;
}

/** The session whose file it is: pi's id for it, and ours where it is known. A fork has its own. */
export interface InboxOwner {
  piSessionId: string;
  sid: string | undefined;
}

/** One input of a recorded queue. */
export type QueuedRecord = { id: string } & Pick<AgentInput, 'text' | 'deliverAs'>;

/** What one entry of the file records. */
export type InboxRecord =
  | { kind: 'accepted'; message: InboxMessage; isResent: boolean; isOld: boolean }
  /** `entryId`: the message in pi's history as which the agent read it. */
  | { kind: 'done'; id: string; entryId: string | undefined }
  | { kind: 'queue'; isHeld: boolean; inputs: QueuedRecord[] }
  /** An old entry: an answer with this text was sent once more. */
  | { kind: 'resent'; text: string };

/** The data of an `INBOX_ENTRY`. */
export function acceptedData({ piSessionId, sid }: InboxOwner, message: InboxMessage, isResent: boolean): object {
  return {
    sessionId: piSessionId,
    // A session that continues the file of another one does not speak with the other's linked sessions.
    ...(message.policy === 'retryInterrupted' ? { sid } : {}),
    ...message,
    ...(isResent ? { isResent } : {}),
  };
}

/** The event that tells viewers of an accepted message. */
export function receivedEvent(commandId: string, { text, by, deliverAs = 'prompt', about }: Addressed): SessionEvent {
  const shown = about === undefined ? {} : { about };
  return { type: 'input_received', at: Date.now(), commandId, text, by, deliverAs, ...shown };
}

type Addressed = Pick<AgentInput, 'text' | 'deliverAs' | 'about'> & { by: Author };

/** What an entry of the file records for this session, if anything. Anybody may have written the file. */
export function readInboxEntry(entry: SessionEntry, { piSessionId, sid }: InboxOwner): InboxRecord | undefined {
  if (entry.type !== 'custom' || !isMap(entry.data)) return undefined;
  const { data, customType } = entry;
  const isOurs = data['sessionId'] === piSessionId;
  switch (customType) {
    case INBOX_ENTRY: {
      const { sessionId: _session, sid: owner, isResent, ...message } = data;
      if (!isOurs || (owner !== undefined && owner !== sid)) return undefined;
      return isMessage(message) ? accepted(message, { isResent: isResent === true, isOld: false }) : undefined;
    }
    case INBOX_DONE_ENTRY:
      return { kind: 'done', id: stringAt(data, 'id') ?? '', entryId: stringAt(data, 'entryId') };
    case INBOX_QUEUE_ENTRY:
      return isOurs
        ? { kind: 'queue', isHeld: data['isHeld'] === true, inputs: arrayAt(data, 'inputs').filter(isQueuedRecord) }
        : undefined;
    case OLD_INPUT_OVER_ENTRY:
      return { kind: 'done', id: stringAt(data, 'commandId') ?? '', entryId: undefined };
    case OLD_INPUT_ENTRY:
      return isOurs && isMap(data['input']) ? oldInput(data['input']) : undefined;
    case OLD_ANSWER_ENTRY: {
      const text = stringAt(data, 'text');
      if (!isOurs || text === undefined) return undefined;
      // These entries had no ids. The entry's own id is the same for every process.
      return data['again'] === true ? { kind: 'resent', text } : oldAnswer(`l_${entry.id}`, text);
    }
    case OLD_LINK_ENTRY:
      return data['sid'] === sid && data['kind'] === 'letter' ? oldLinkMessage(data) : undefined;
    default:
      return undefined;
  }
}

const accepted = (message: InboxMessage, how: { isResent: boolean; isOld: boolean }): InboxRecord => ({
  ...{ kind: 'accepted', message },
  ...how,
});

const old = (message: Record<string, unknown>): InboxRecord | undefined =>
  isMessage(message) ? accepted(message, { isResent: false, isOld: true }) : undefined;

const oldInput = ({ commandId, ...input }: Record<string, unknown>) =>
  old({ ...input, id: commandId, policy: 'untilRead' });

const oldAnswer = (id: string, text: string) => old({ id, text, policy: 'resendOnce', deliverAs: 'followUp' });

function oldLinkMessage(data: Record<string, unknown>): InboxRecord | undefined {
  const guests = guestsAt(data, 'guests');
  const named = data['guests'];
  if (named !== undefined && !(Array.isArray(named) && named.length === guests.length)) return undefined;
  const by = { userId: data['userId'], via: 'agent', ...(guests.length === 0 ? {} : { guests }) };
  const { id, text } = data;
  return old({ id, text, by, policy: 'retryInterrupted', deliverAs: 'followUp' });
}

function isMessage(value: Record<string, unknown>): value is Record<string, unknown> & InboxMessage {
  const { id, policy, by, images = [] } = value;
  const areImages = Array.isArray(images) && images.every((image) => isMap(image) && typeof image['data'] === 'string');
  if (typeof id !== 'string' || !areImages) return false;
  if (policy === 'resendOnce') return by === undefined && typeof value['text'] === 'string';
  if (policy !== 'untilRead' && policy !== 'retryInterrupted') return false;
  return isSessionEvent(receivedEvent(id, value as unknown as Addressed));
}

function isQueuedRecord(value: unknown): value is QueuedRecord {
  if (!isMap(value) || typeof value['id'] !== 'string' || typeof value['text'] !== 'string') return false;
  const { deliverAs } = value;
  return deliverAs === undefined || DELIVER_AS.some((known) => known === deliverAs);
}
