import Type, { type Static } from 'typebox';
import { ID_PATTERN, isId } from './ids.js';
import { arrayAt, isMap, stringAt, type UnknownMap } from './json.js';

/**
 * Guests: people who came by the share link of a session. What they begin is recorded as theirs, and ends with their
 * link.
 */
const Id = Type.String({ pattern: ID_PATTERN });

/** A guest whose words are part of something: by which link they came, and what they called themselves. */
export const GuestRef = Type.Object({
  shareId: Id,
  /** The session that the link opens. */
  sessionId: Id,
  name: Type.Optional(Type.String()),
});
export type GuestRef = Static<typeof GuestRef>;

/** Guests that one event or command names, at most: more than a session has links at once. */
export const MAX_NAMED_GUESTS = 128;
export const GuestRefs = Type.Array(GuestRef, { maxItems: MAX_NAMED_GUESTS });

/** Why a guest may not write any more. `restricted`: the link only lets them watch now. `disabled`: its account is. */
export const LINK_ENDS = ['revoked', 'expired', 'restricted', 'disabled'] as const;
export type LinkEnd = (typeof LINK_ENDS)[number];

/** What a guest may do beside watching: write, or write and approve. */
export type GuestRight = 'write' | 'approve';

const PREFIX = 'guest_';

/** The user id of whoever came by a link. */
export const guestUserId = (shareId: string): string => PREFIX + shareId;

/** What tells a guest apart from an account and from an agent in whose turn a guest has spoken. */
interface Speaker {
  userId: string;
  via: string;
  name?: string;
  guests?: readonly GuestRef[];
}

/** Whether this is somebody who came by a link. */
export const isGuest = ({ via }: Pick<Speaker, 'via'>): boolean => via === 'collab';

/** What the link of a guest lets them do. Where nothing is said, it is the least. */
export const rightOf = ({ right }: { right?: 'approve' }): GuestRight => right ?? 'write';

/**
 * The guests whose words are in what this author says in a session: a guest's own, or those in whose turn an agent has
 * said it.
 */
export function guestsIn(by: Speaker, sessionId: string): GuestRef[] {
  if (!isGuest(by)) return [...(by.guests ?? [])];
  const shareId = by.userId.startsWith(PREFIX) ? by.userId.slice(PREFIX.length) : by.userId;
  return [{ shareId, sessionId, ...(by.name === undefined ? {} : { name: by.name }) }];
}

/** The guests in a list of a value that may be anything. */
export function guestsAt(map: UnknownMap, key: string): GuestRef[] {
  return arrayAt(map, key)
    .slice(0, MAX_NAMED_GUESTS)
    .flatMap((each): GuestRef[] => {
      if (!isMap(each)) return [];
      const { shareId, sessionId } = each;
      const name = stringAt(each, 'name');
      return isId(shareId) && isId(sessionId) ? [{ shareId, sessionId, ...(name === undefined ? {} : { name }) }] : [];
    });
}

/** What a guest is called where nobody knows better. */
export const guestName = ({ name }: Pick<GuestRef, 'name'>): string =>
  name === undefined || name === '' ? 'A guest' : name;

/** Guests by name, and how they came: `Bob, by a link`. */
export function byLinkText(guests: readonly Pick<GuestRef, 'name'>[]): string {
  const names = [...new Set(guests.map((guest) => guestName(guest)))];
  const last = names.at(-1) ?? '';
  const all = names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
  return `${all.replace(/^A guest\b/, 'a guest')}, by share link`;
}

const ENDED: Readonly<Record<LinkEnd, (name: string) => string>> = {
  revoked: (name) => `The share link of ${name} was revoked.`,
  expired: (name) => `The share link of ${name} has expired.`,
  restricted: (name) => `The share link of ${name} is read-only now.`,
  disabled: (name) => `The account that created the share link of ${name} is disabled.`,
};

/** Why something of a guest was ended, as a sentence. */
export function linkEndText(guest: Pick<GuestRef, 'name'>, why: LinkEnd): string {
  const { name } = guest;
  return ENDED[why](name === undefined || name === '' ? 'a guest' : name);
}
