import {
  BACKUP_FORMAT,
  CodedError,
  isBackupManifest,
  isMap,
  SEGMENT_NAME,
  type BackupManifest,
  type BackupSegment,
} from '@pizzapi/protocol';

export type { BackupManifest } from '@pizzapi/protocol';
export type SegmentEntry = BackupSegment;

export const MANIFEST_FILE = 'manifest.json';
export const TOMBSTONES_FILE = 'tombstones.jsonl';
const SEGMENT = new RegExp(SEGMENT_NAME);
export const isSegmentFile = (name: string): boolean => SEGMENT.test(name);
/** Whether a backup has files of this name. Nothing of it is a path. */
export const isBackupFile = (name: string): boolean =>
  isSegmentFile(name) || name === MANIFEST_FILE || name === TOMBSTONES_FILE;
/** What a manifest may have, in bytes. */
export const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

/** Reads a manifest. Throws `backup_invalid`. */
export function parseManifest(text: string): BackupManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CodedError('backup_invalid', `${MANIFEST_FILE} is not JSON`, { cause });
  }
  const format = isMap(value) ? value['format'] : undefined;
  if (typeof format === 'number' && format > BACKUP_FORMAT)
    throw new CodedError(
      'backup_invalid',
      `The backup has the format ${format}, which a newer version of PizzaPi reads`,
    );
  if (!isBackupManifest(value)) {
    const problem = isBackupManifest.problem(value) ?? 'it has another shape';
    throw new CodedError('backup_invalid', `${MANIFEST_FILE}: ${problem}`);
  }
  const names = new Set(value.segments.map(({ file }) => file));
  if (names.size < value.segments.length) throw new CodedError('backup_invalid', `${MANIFEST_FILE} names a file twice`);
  return value;
}

/** The segments of one stream or bucket, in order. */
export const segmentsOf = ({ segments }: BackupManifest, kind: SegmentEntry['kind'], of: string): SegmentEntry[] =>
  segments.filter((segment) => segment.kind === kind && segment.of === of).sort((a, b) => (a.file < b.file ? -1 : 1));

/** The file of the next segment. */
export function nextFile({ segments }: Pick<BackupManifest, 'segments'>, of: string): string {
  const numbers = segments.map(({ file }) => Number(file.slice(0, 8)));
  return `${String(Math.max(0, ...numbers) + 1).padStart(8, '0')}-${of}.seg`;
}
