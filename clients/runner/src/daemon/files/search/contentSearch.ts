import type { FileHandle } from 'node:fs/promises';
import { CodedError, type FileMatch } from '@pizzapi/protocol';
import type { Bounds } from '../bounds.js';
import { joinPath, named, type BytePath } from '../bytePath.js';
import { openWithin } from '../confinement.js';
import { readAt } from '../reading.js';
import { parseMatch, type RawMatch } from './rawMatch.js';
import type { SearchProcess } from './searchProcess.js';

/** The longest line of output that is read: a line of a file can be long. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
/** Of the error output of a process. */
const MAX_ERROR_CHARS = 2_000;

/** Reads the matches of a process, and calls `onMatch` for each until it returns false. Resolves with what went wrong, if anything did. */
export function readMatches(
  { child }: SearchProcess,
  onMatch: (match: RawMatch) => boolean,
): Promise<string | undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (said.length < MAX_ERROR_CHARS) said += chunk.toString();
  });
  const take = (): boolean => {
    const match = length > MAX_LINE_BYTES ? undefined : parseMatch(Buffer.concat(parts).toString());
    parts = [];
    length = 0;
    return match === undefined || onMatch(match);
  };
  child.stdout?.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, at));
      length += at - from;
      from = at + 1;
      if (!take()) {
        child.kill('SIGKILL');
        child.stdout?.removeAllListeners('data');
        return;
      }
    }
    length += chunk.length - from;
    // What is too long is not kept.
    if (length > MAX_LINE_BYTES) parts = [];
    else parts.push(chunk.subarray(from));
  });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    // 1: nothing matched. 2: something went wrong, such as an expression that cannot be read.
    child.on('close', (code) => resolve(code === 2 || (code === 1 && said !== '') ? said.trim() : undefined));
  });
}

/**
 * Returns matches as they are shown, each read again from a file within bounds: what a process found by a path that was swapped
 * meanwhile is left out.
 */
export async function confirmMatches(
  bounds: Bounds,
  folder: BytePath,
  matches: readonly RawMatch[],
): Promise<FileMatch[]> {
  const confirmed: FileMatch[] = [];
  let at = 0;
  while (at < matches.length) {
    const path = matches[at]?.path;
    let end = at;
    while (matches[end]?.path === path && end < matches.length) end++;
    if (path !== undefined) confirmed.push(...(await confirmOfFile(bounds, folder, path, matches.slice(at, end))));
    at = end;
  }
  return confirmed;
}

async function confirmOfFile(
  bounds: Bounds,
  folder: BytePath,
  path: BytePath,
  matches: readonly RawMatch[],
): Promise<FileMatch[]> {
  const content = await contentWithin(bounds, joinPath(folder, path));
  if (content === undefined) return [];
  try {
    const found: FileMatch[] = [];
    for (const { line, offset, text, ranges } of matches) {
      const now = await readAt(content, offset, text.length);
      if (now.equals(text)) found.push({ ...named(path), line, text: text.toString('base64'), ranges });
    }
    return found;
  } finally {
    await content.close();
  }
}

/** The content of the file of exactly this path: a search follows no link. */
async function contentWithin(bounds: Bounds, path: BytePath): Promise<FileHandle | undefined> {
  try {
    const opened = await openWithin(bounds, path, 'file');
    try {
      return opened.real === path ? await opened.content() : undefined;
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (error instanceof CodedError || (error instanceof Error && 'errno' in error)) return undefined;
    throw error;
  }
}
