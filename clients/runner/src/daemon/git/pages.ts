import { createHash } from 'node:crypto';
import { CodedError, RUNNER_PAGE_BYTES, type GitPatchPage } from '@pizzapi/protocol';
import type { GitCall, GitOutput } from './gitProgram.js';

/** The largest diff that is read to its end, in bytes. What is behind it is not shown. */
const MAX_PATCH_BYTES = 64 * 1024 * 1024;

/** How large the entries of one page may be, as JSON, in characters: names may be long. */
const MAX_PAGE_CHARS = 400 * 1024;

/** One page of a list: at most `size` entries, and as many as fit a reply. */
export function pageOf<T>(all: readonly T[], offset: number, size: number): { items: T[]; next?: number } {
  const items: T[] = [];
  let chars = 0;
  for (const item of all.slice(offset, offset + size)) {
    chars += JSON.stringify(item).length;
    if (chars > MAX_PAGE_CHARS && items.length > 0) break;
    items.push(item);
  }
  const next = offset + items.length;
  return next < all.length ? { items, next } : { items };
}

/** The page of a diff from `offset`. Refuses one that continues another diff (`git_changed`). */
export function patchPage(patch: Buffer, offset: number, version: string | undefined): GitPatchPage {
  return pageOfDigest(
    patch.subarray(offset, offset + RUNNER_PAGE_BYTES),
    patch.byteLength,
    digest(patch),
    offset,
    version,
  );
}

/** As `patchPage`, for the output of git: only the page is kept in memory. */
export async function streamedPatch(
  run: (call: Pick<GitCall, 'args' | 'onData' | 'signal' | 'codes'>) => Promise<GitOutput>,
  call: Pick<GitCall, 'args' | 'signal' | 'codes'>,
  offset: number,
  version: string | undefined,
): Promise<GitPatchPage> {
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  let total = 0;
  const onData = (bytes: Buffer): boolean => {
    const part = bytes.subarray(0, MAX_PATCH_BYTES - total);
    hash.update(part);
    const from = Math.max(0, offset - total);
    const to = offset + RUNNER_PAGE_BYTES - total;
    if (to > 0 && from < part.byteLength) kept.push(part.subarray(from, to));
    total += part.byteLength;
    return total < MAX_PATCH_BYTES;
  };
  await run({ ...call, onData });
  return pageOfDigest(Buffer.concat(kept), total, hash.digest('hex').slice(0, 32), offset, version);
}

function pageOfDigest(page: Buffer, total: number, version: string, offset: number, asked?: string): GitPatchPage {
  if (asked !== undefined && asked !== version) throw new CodedError('git_changed', 'This is another diff by now');
  const next = offset + page.byteLength;
  return { patch: page.toString('base64'), total, version, ...(next < total ? { next } : {}) };
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex').slice(0, 32);
