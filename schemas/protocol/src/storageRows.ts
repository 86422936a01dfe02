import Type, { type Static } from 'typebox';
import { checker } from './check.js';

/**
 * Rows of the buckets `blob-owners` and `usage`: which blobs are stored for which session, and how many bytes they
 * have.
 */
const Optional = Type.Optional;
/** ms since epoch. */
const Time = Type.Number();

/**
 * Bucket `blob-owners`, key `<userId>.<sid>.<sha256>`: one blob of one session. The object in the store has the same
 * name. It is not shared with other accounts or sessions, neither its bytes nor its media type.
 */
export const BlobRow = Type.Object({
  size: Type.Number(),
  mediaType: Type.String(),
  at: Time,
  /** The time at which the blob is removed, unless an event or an input refers to it before. */
  until: Optional(Time),
  /** The share link by which the blob was uploaded. */
  link: Optional(Type.String()),
  /** The blob is being removed: it can no longer be read or referred to. */
  leaving: Optional(Type.Boolean()),
});
export type BlobRow = Static<typeof BlobRow>;

/** Bucket `usage`, keys `account.<userId>`, `session.<userId>.<sid>`, `link.<userId>.<shareId>`. */
export const UsageRow = Type.Object({ bytes: Type.Number(), at: Time });
export type UsageRow = Static<typeof UsageRow>;

/** Bucket `usage`, key `deleted.<userId>.<sid>`: a session whose blobs have to be removed. */
export const DeletedRow = Type.Object({ at: Time });
export type DeletedRow = Static<typeof DeletedRow>;

/**
 * Bucket `usage`, key `erasing.<userId>.<sid>` or `erasing.<userId>`: a session or an account that is being erased. The row
 * goes when nothing of it is left.
 */
export const ErasingRow = Type.Object({
  at: Time,
  why: Type.Enum(['asked', 'retention', 'archived']),
  /** Who asked: the account, and the address of the client. */
  by: Optional(Type.String()),
  ip: Optional(Type.String()),
  /** What was removed so far, by its kind. */
  removed: Optional(Type.Record(Type.String(), Type.Number())),
  /** The first pass is over. A second one removes what was still on its way. */
  passedAt: Optional(Time),
  /** Only while the session has this epoch: a host that got it since has resumed it. */
  epoch: Optional(Type.Number()),
});
export type ErasingRow = Static<typeof ErasingRow>;

export const isErasingRow = checker(ErasingRow);
export const isBlobRow = checker(BlobRow);
export const isUsageRow = checker(UsageRow);
export const isDeletedRow = checker(DeletedRow);
