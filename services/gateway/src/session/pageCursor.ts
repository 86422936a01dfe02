import { createHash } from 'node:crypto';
import type { ListFilter, ListedSession } from './sessionFilter.js';

/** Where the next page of a list begins. */
export interface PageCursor {
  /** The list that this gateway has in memory for a while, and the position in it. */
  list: string;
  offset: number;
  /** For when it has not: the last session of the page, and the revision up to which the page shows changes. */
  after: ListedSession;
  revision: number;
}

/** Version of the form: a cursor of another version is refused. */
const VERSION = 1;
const FILTER_HASH_CHARS = 12;

const hashOf = ({ state, runner, q }: ListFilter): string =>
  createHash('sha256')
    .update(JSON.stringify([state, runner, q]))
    .digest('base64url')
    .slice(0, FILTER_HASH_CHARS);

/** A cursor holds for the filter that it was made for. */
export function encodeCursor({ list, offset, after, revision }: PageCursor, filter: ListFilter): string {
  const parts = [VERSION, hashOf(filter), list, offset, after.lastActivityAt, after.sessionId, revision];
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** Returns undefined for what is not a cursor of this filter. */
export function decodeCursor(text: string, filter: ListFilter): PageCursor | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || parts.length !== 7) return undefined;
  const [version, hash, list, offset, lastActivityAt, sessionId, revision] = parts as unknown[];
  if (version !== VERSION || hash !== hashOf(filter)) return undefined;
  if (typeof list !== 'string' || typeof sessionId !== 'string') return undefined;
  if (!isCount(offset) || !isCount(revision) || typeof lastActivityAt !== 'number') return undefined;
  return { list, offset, after: { sessionId, lastActivityAt }, revision };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
