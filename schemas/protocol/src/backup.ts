import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { ID_PATTERN } from './ids.js';
import { MAX_PARTITIONS } from './partitions.js';

/** The manifest of a backup, and of an archive of one session (docs/operate/backup.md). */

/** The version of the format. A reader refuses a higher one. */
export const BACKUP_FORMAT = 1;
/** What a segment of a backup may have, in bytes. A writer begins another one much earlier. */
export const MAX_SEGMENT_BYTES = 256 * 1024 * 1024;

/** The names of the segments of a backup. A name is never a path. */
export const SEGMENT_NAME = '^[0-9]{8}-[A-Za-z0-9_-]{1,80}\\.seg$';

const Whole = Type.Integer({ minimum: 0 });
const Time = Type.Number();
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** `stream`: messages of a stream. `bucket`: the last message of each key. `files`: files of sessions, one in each record. */
export const SEGMENT_KINDS = ['stream', 'bucket', 'files'] as const;

export const BackupSegment = Type.Object({
  file: Type.String({ pattern: SEGMENT_NAME }),
  kind: Type.Enum([...SEGMENT_KINDS]),
  /** The stream or bucket that it is of. */
  of: Type.String({ pattern: ID_PATTERN }),
  /** The offsets of its first and last message. */
  first: Whole,
  last: Whole,
  messages: Whole,
  bytes: Type.Integer({ minimum: 0, maximum: MAX_SEGMENT_BYTES }),
  sha256: Sha256,
});
export type BackupSegment = Static<typeof BackupSegment>;

export const BackupManifest = Type.Object({
  format: Type.Literal(BACKUP_FORMAT),
  /** The version of PizzaPi, and of the wire, that wrote it. */
  product: Type.String({ maxLength: 64 }),
  wire: Type.Integer(),
  /** Empty for an installation; the session and its owner for an archive. */
  of: Type.Object({ sid: Type.Optional(Type.String({ pattern: ID_PATTERN })), userId: Type.Optional(Type.String()) }),
  createdAt: Time,
  updatedAt: Time,
  /** Whether the last run reached its end. Only then the backup can be restored. */
  isComplete: Type.Boolean(),
  /** The identity of the log: offsets of one log mean nothing in another. */
  log: Type.String({ maxLength: 128 }),
  partitions: Type.Integer({ minimum: 1, maximum: MAX_PARTITIONS }),
  /** By stream: the last offset that the backup has. */
  cut: Type.Record(Type.String(), Whole),
  /** The highest epoch that was granted. */
  epoch: Whole,
  /** Readers with a position that nats-server stores: by partition, the offset up to which each has read. */
  durables: Type.Array(Type.Object({ name: Type.String({ pattern: ID_PATTERN }), floors: Type.Array(Whole) })),
  segments: Type.Array(BackupSegment),
});
export type BackupManifest = Static<typeof BackupManifest>;
export const isBackupManifest = checker(BackupManifest);
