import { CodedError, isMap, stringAt } from '@pizzapi/protocol';
import { decoded } from '../erasure/messageRemoval.js';
import { tombstoneOf, TombstoneSet, type Tombstone } from '../erasure/tombstones.js';
import type { StoredMessage } from '../message.js';
import { keySubject, type BucketName } from '../streams.js';
import { LOGIN_PREFIX, loginKey, REFRESH_PREFIX, RUNNER_OWNER_PREFIX } from '../tables.js';
import type { BackupSource } from './backupFolder.js';
import { segmentsOf } from './manifest.js';

const KEY = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/** The messages of all segments of a stream, of a bucket, or with files. */
export async function* messagesIn(
  source: BackupSource,
  kind: 'stream' | 'bucket' | 'files',
  of: string,
): AsyncGenerator<StoredMessage, void, void> {
  for (const segment of segmentsOf(source.manifest, kind, of)) {
    let messages = 0;
    for await (const message of source.read(segment)) {
      messages++;
      yield message;
    }
    if (messages !== segment.messages)
      throw new CodedError('backup_invalid', `${segment.file} has ${messages} messages, not ${segment.messages}`);
  }
}

/** The key that a message of a bucket is of. Throws `backup_invalid` for a subject of anything else. */
export function keyIn(bucket: BucketName, { subject }: StoredMessage): string {
  const prefix = keySubject(bucket, '');
  const key = subject.slice(prefix.length);
  if (subject.startsWith(prefix) && KEY.test(key)) return key;
  throw new CodedError('backup_invalid', `A row of ${bucket} has the subject ${JSON.stringify(subject.slice(0, 80))}`);
}

/** What of a backup is restored: sessions with an owner, and nothing that was erased. */
export class RestoreScope {
  /** The owner of each session. */
  readonly sessions = new Map<string, string>();
  /** The owner of each runner. */
  readonly runners = new Map<string, string>();
  readonly tombstones: Tombstone[] = [];
  readonly erased: TombstoneSet;
  /** The keys of the logins that are restored: a refresh token names its login alone. */
  private readonly logins = new Set<string>();

  private constructor(newer: readonly Tombstone[]) {
    this.tombstones.push(...newer);
    this.erased = new TombstoneSet(newer);
  }

  /** Reads the owners of a backup. `newer`: what was erased after it was made. */
  static async of(source: BackupSource, newer: readonly Tombstone[]): Promise<RestoreScope> {
    const scope = new RestoreScope(newer);
    for await (const message of messagesIn(source, 'bucket', 'owners')) {
      const key = keyIn('owners', message);
      const row = decoded(message.payload);
      const tombstone = tombstoneOf(key, row);
      const userId = row === undefined ? undefined : stringAt(row, 'userId');
      if (tombstone !== undefined) {
        scope.sessions.delete(key);
        scope.bury(tombstone);
      } else if (userId === undefined) continue;
      else if (key.startsWith(RUNNER_OWNER_PREFIX)) scope.runners.set(key.slice(RUNNER_OWNER_PREFIX.length), userId);
      else scope.sessions.set(key, userId);
    }
    for (const [sid, userId] of scope.sessions) {
      if (scope.erased.accounts.has(userId)) scope.bury({ kind: 'session', id: sid, at: Date.now() });
      if (scope.erased.sessions.has(sid)) scope.sessions.delete(sid);
    }
    for (const [rid, userId] of scope.runners) if (scope.erased.accounts.has(userId)) scope.runners.delete(rid);
    for await (const message of messagesIn(source, 'bucket', 'accounts')) {
      const key = keyIn('accounts', message);
      if (!key.startsWith(LOGIN_PREFIX)) continue;
      if (scope.isLeftOut('accounts', key, decoded(message.payload))) scope.logins.delete(key);
      else scope.logins.add(key);
    }
    return scope;
  }

  private bury(tombstone: Tombstone): void {
    this.tombstones.push(tombstone);
    this.erased.add(tombstone);
  }

  readonly isErasedAccount = (userId: string): boolean => this.erased.accounts.has(userId);
  readonly isErasedSession = (sid: string): boolean => this.erased.sessions.has(sid);

  /** Whether a row of a bucket is left out, because it is about a session or an account that was erased. */
  isLeftOut(bucket: BucketName, key: string, row: unknown): boolean {
    if (tombstoneOf(key, row) !== undefined) return true;
    const parts = key.split('.');
    if (bucket === 'owners') return parts.length === 1 ? !this.sessions.has(key) : !this.runners.has(parts[1] ?? '');
    if (bucket === 'shares' && !this.sessions.has(parts[0] ?? '')) return true;
    if (bucket === 'accounts' && key.startsWith(REFRESH_PREFIX)) return !this.logins.has(loginKey(parts[1] ?? ''));
    if (bucket === 'notifications' && this.isErasedAccount(parts[1] ?? '')) return true;
    if (!isMap(row)) return false;
    const answer = isMap(row['answer']) ? stringAt(row['answer'], 'userId') : undefined;
    const named = ['userId', 'grantee', 'createdBy', 'usedBy'].map((field) => stringAt(row, field));
    return [...named, answer].some((id) => id !== undefined && this.isErasedAccount(id));
  }
}
