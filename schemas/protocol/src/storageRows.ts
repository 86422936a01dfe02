import Type, { type Static } from 'typebox';
import { checker } from './check.js';

/** What the buckets `blob-owners` and `usage` hold: which blobs are stored for whom, and how many bytes that is. */
const Optional = Type.Optional;
/** ms since epoch. */
const Time = Type.Number();

/**
 * Bucket `blob-owners`, key `<userId>.<sid>.<sha256>`: one blob of one session. The object in the store has the same
 * name: no other account or session has a part in it, neither in its bytes nor in its media type.
 */
export const BlobRow = Type.Object({
  size: Type.Number(),
  mediaType: Type.String(),
  at: Time,
  /** When it is removed, unless an event or an input refers to it before. */
  until: Optional(Time),
  /** The link that it was brought by. */
  link: Optional(Type.String()),
  /** It is being removed: nobody reads it, or takes it up, any more. */
  leaving: Optional(Type.Boolean()),
});
export type BlobRow = Static<typeof BlobRow>;

/** Bucket `usage`, keys `account.<userId>`, `session.<userId>.<sid>`, `link.<userId>.<shareId>`. */
export const UsageRow = Type.Object({ bytes: Type.Number(), at: Time });
export type UsageRow = Static<typeof UsageRow>;

/** Bucket `usage`, key `deleted.<userId>.<sid>`: a session whose blobs are to be removed. */
export const DeletedRow = Type.Object({ at: Time });
export type DeletedRow = Static<typeof DeletedRow>;

export const isBlobRow = checker(BlobRow);
export const isUsageRow = checker(UsageRow);
export const isDeletedRow = checker(DeletedRow);
