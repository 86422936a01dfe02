import type { ErrorInfo } from './codedError.js';
import { errorInfo } from './codedError.js';
import type { Author } from './events.js';
import { isGuest } from './guests.js';

/** What a person can do with one input in the queue. */
export type QueueChange = 'edit' | 'remove' | 'move' | 'send_now';

const OWN_ONLY = errorInfo('forbidden', 'Guests of a share link can change only their own messages in the queue');
const OWN_WORDS_ONLY = errorInfo(
  'forbidden',
  'Only the person who wrote a message can edit it. Remove the message, or send another one',
);

/** Returns whether both are the same person. An agent that writes for a person is not that person. */
export function isSamePerson(by: Author, other: Author | undefined): boolean {
  if (other === undefined || other.via === 'agent' || other.via === 'system') return false;
  return by.userId === other.userId && isGuest(by) === isGuest(other);
}

/**
 * Returns why a person may not change an input in the queue, or undefined. `author` wrote the input. The host checks this
 * for every command; the page and the terminal use it to offer only what is allowed.
 */
export function queueChangeProblem(by: Author, author: Author | undefined, change: QueueChange): ErrorInfo | undefined {
  const isOwn = isSamePerson(by, author);
  if (isGuest(by) && !isOwn) return OWN_ONLY;
  return change === 'edit' && !isOwn ? OWN_WORDS_ONLY : undefined;
}

/** Returns whether a stop that drops the queue takes this input out of it. Messages of other sessions stay. */
export function isDroppedByStop(by: Author, author: Author | undefined): boolean {
  if (author === undefined || author.via === 'agent' || author.via === 'system') return false;
  return queueChangeProblem(by, author, 'remove') === undefined;
}
