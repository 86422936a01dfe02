import { visibleLine, type Author } from '@pizzapi/protocol';

/** How an author came in who is not simply the person at a page of the account. `account`: a guest who is signed in. */
export type InputChannel = Exclude<Author['via'], 'owner'> | 'account';

/** Who said something, for the line above it. */
export interface Byline {
  name: string;
  /** Shown as a small mark beside the name. */
  channel?: InputChannel;
}

/** The author of a message where the log does not name one. */
export const UNKNOWN: Byline = { name: 'Unknown author' };

export const CHANNELS: Readonly<Record<InputChannel, string>> = {
  collab: 'via link',
  account: 'signed in',
  api: 'via API',
  terminal: 'via terminal',
  agent: 'agent',
  system: 'automatic',
};

/** Who looks, and what they are told of the people of the account. */
export interface Viewpoint {
  isGuest: boolean;
  userId?: string | undefined;
  /** The guest that the reader is here, where the owner has shared the session with the account of the reader. */
  guestId?: string | undefined;
  /** The name of somebody of the account who watches; it is in no event of before names were. */
  nameOf?: (userId: string) => string | undefined;
}

/**
 * Who said something. Nothing where it was the person who looks, at a page: that goes without saying. The same person in
 * a terminal or by a script is marked, and named to others.
 */
export function bylineOf(by: Author | undefined, reader: Viewpoint): Byline | undefined {
  if (by === undefined) return undefined;
  const isOwn = by.via === 'owner' ? !reader.isGuest && isSame(by, reader) : by.userId === reader.guestId;
  if (isOwn) return undefined;
  const channel = by.via === 'owner' ? {} : { channel: by.signedIn === true ? ('account' as const) : by.via };
  return { name: nameOf(by, reader), ...channel };
}

/** The same in words: "Ann, via link". */
export function authorText(by: Author | undefined, reader: Viewpoint): string | undefined {
  const said = bylineOf(by, reader);
  if (said === undefined) return undefined;
  return said.channel === undefined || said.channel === 'agent' ? said.name : `${said.name}, ${CHANNELS[said.channel]}`;
}

/** A page does not know who it is before it has asked; then the owner is who looks. */
function isSame({ userId }: Author, reader: Viewpoint): boolean {
  return reader.userId === undefined || reader.userId === userId;
}

function nameOf({ userId, via, name: given = '' }: Author, reader: Viewpoint): string {
  const name = visibleLine(given);
  if (via === 'system') return name || 'PizzaPi';
  if (via === 'agent') return name || 'Another agent';
  if (via === 'collab') return name || 'Guest';
  if (!reader.isGuest && reader.userId === userId) return 'You';
  return name || reader.nameOf?.(userId) || 'Owner';
}
