import Type, { type Static } from 'typebox';
import { ID_PATTERN, isId } from './ids.js';
import { arrayAt, isMap, stringAt, type UnknownMap } from './json.js';

/**
 * Guests are people who opened a session by its share link. What a guest starts is recorded under the guest's name, and
 * ends with the share link.
 */
const Id = Type.String({ pattern: ID_PATTERN });

/** A guest who contributed to something: the share link and the name that the guest entered. */
export const GuestRef = Type.Object({
  shareId: Id,
  /** The session of the share link. */
  sessionId: Id,
  name: Type.Optional(Type.String()),
});
export type GuestRef = Static<typeof GuestRef>;

/**
 * Maximum number of guests that one event or command names. It is above the number of share links that a session can
 * have.
 */
export const MAX_NAMED_GUESTS = 128;
export const GuestRefs = Type.Array(GuestRef, { maxItems: MAX_NAMED_GUESTS });

/**
 * Why a guest lost write access. `restricted`: the share link is now read-only. `disabled`: its account is disabled.
 */
export const LINK_ENDS = ['revoked', 'expired', 'restricted', 'disabled'] as const;
export type LinkEnd = (typeof LINK_ENDS)[number];

/** The rights of a guest beyond reading: write, or write and approve. */
export type GuestRight = 'write' | 'approve';

const PREFIX = 'guest_';

/** Returns the user id of the guest of a share link. */
export const guestUserId = (shareId: string): string => PREFIX + shareId;

/** The fields that distinguish a guest from an account and from an agent in whose turn a guest has written. */
interface Speaker {
  userId: string;
  via: string;
  name?: string;
  guests?: readonly GuestRef[];
}

/** Returns whether the author is a guest. */
export const isGuest = ({ via }: Pick<Speaker, 'via'>): boolean => via === 'collab';

/** Returns the rights of the guest's share link. Returns the least rights when they are missing. */
export const rightOf = ({ right }: { right?: 'approve' }): GuestRight => right ?? 'write';

/**
 * Returns the guests who contributed to what this author does in a session: the guest itself, or the guests of the
 * agent's turn.
 */
export function guestsIn(by: Speaker, sessionId: string): GuestRef[] {
  if (!isGuest(by)) return [...(by.guests ?? [])];
  const shareId = by.userId.startsWith(PREFIX) ? by.userId.slice(PREFIX.length) : by.userId;
  return [{ shareId, sessionId, ...(by.name === undefined ? {} : { name: by.name }) }];
}

/** Returns the guests in a list. Total over any value. */
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

/** The name of a guest whose name is unknown. */
export const guestName = ({ name }: Pick<GuestRef, 'name'>): string =>
  name === undefined || name === '' ? 'A guest' : name;

/** Returns the guests by name, with how they joined: `Bob, by a link`. */
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

/** Returns, as a sentence, why something of a guest was ended. */
export function linkEndText(guest: Pick<GuestRef, 'name'>, why: LinkEnd): string {
  const { name } = guest;
  return ENDED[why](name === undefined || name === '' ? 'a guest' : name);
}
