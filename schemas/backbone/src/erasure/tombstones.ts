import { CodedError, ERASED_ID, isId, isMap, numberAt, stringAt } from '@pizzapi/protocol';
import type { Backbone } from '../connection.js';
import { ownerRows } from '../tables.js';

/** What was erased, and when. It has no content: an id only. */
export type Tombstone = { kind: 'session' | 'account'; id: string; at: number };

/** What the keys of the tombstones of accounts begin with, in the bucket `owners`. */
export const ERASED_PREFIX = 'erased.';
export const erasedKey = (userId: string): string => `${ERASED_PREFIX}${userId}`;

const tombstoneRow = (at: number) => ({ userId: ERASED_ID, runnerId: ERASED_ID, erasedAt: at });

/**
 * Writes the tombstone of a session in the place of its owner. From then on no host gets the session, whatever it was
 * granted before. With an epoch, only while the session has this one. Returns whether there is a tombstone now.
 */
export async function buryRow(admin: Backbone, key: string, at = Date.now(), epoch?: number): Promise<boolean> {
  const rows = ownerRows(admin);
  for (;;) {
    const found = await rows.get(key);
    if (found?.value.erasedAt !== undefined) return true;
    if (epoch !== undefined && found?.revision !== epoch) return false;
    const written =
      found === undefined
        ? await rows.create(key, tombstoneRow(at))
        : await rows.update(key, tombstoneRow(at), found.revision);
    if (written.kind === 'stored') return true;
  }
}

/** Returns the tombstone that a row of the bucket `owners` is, or undefined for an owner. */
export function tombstoneOf(key: string, row: unknown): Tombstone | undefined {
  const at = isMap(row) ? numberAt(row, 'erasedAt') : undefined;
  if (at === undefined) return undefined;
  const isAccount = key.startsWith(ERASED_PREFIX);
  const id = isAccount ? key.slice(ERASED_PREFIX.length) : key;
  return isId(id) ? { kind: isAccount ? 'account' : 'session', id, at } : undefined;
}

/** Yields every tombstone of the installation, by rising revision. */
export async function* tombstones(b: Backbone, signal?: AbortSignal): AsyncGenerator<Tombstone, void, void> {
  for await (const { key, value } of ownerRows(b).list('', signal)) {
    const found = tombstoneOf(key, value);
    if (found !== undefined) yield found;
  }
}

/** Writes a tombstone that another installation had. */
export async function putTombstone(admin: Backbone, { kind, id, at }: Tombstone): Promise<void> {
  await buryRow(admin, kind === 'account' ? erasedKey(id) : id, at);
}

/** One line of a list of tombstones. */
export const tombstoneLine = (tombstone: Tombstone): string => `${JSON.stringify(tombstone)}\n`;

/** Reads a list of tombstones: one JSON object in each line. Throws `backup_invalid` with the number of a wrong line. */
export function readTombstones(text: string): Tombstone[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const read = parseLine(line);
    if (read === undefined)
      throw new CodedError('backup_invalid', `Line ${index + 1} of the list of tombstones is not a tombstone`);
    return [read];
  });
}

function parseLine(line: string): Tombstone | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (!isMap(value)) return undefined;
    const [kind, id, at] = [stringAt(value, 'kind'), stringAt(value, 'id'), numberAt(value, 'at')];
    if ((kind !== 'session' && kind !== 'account') || !isId(id) || at === undefined) return undefined;
    return { kind, id, at };
  } catch {
    return undefined;
  }
}

/** Which sessions and accounts were erased, for who leaves them out. */
export class TombstoneSet {
  readonly sessions = new Set<string>();
  readonly accounts = new Set<string>();

  constructor(list: Iterable<Tombstone> = []) {
    for (const tombstone of list) this.add(tombstone);
  }

  add({ kind, id }: Tombstone): void {
    (kind === 'session' ? this.sessions : this.accounts).add(id);
  }
}
