import { realpath, stat } from 'node:fs/promises';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { expandPath, isInside } from './roots.js';

/** A session of this runner and the pi session file that it appends to. */
export interface FileUser {
  sid: string;
  file?: string | undefined;
}

/** `identity` is what the file is, whatever it is called. */
export type SessionFileCheck = { kind: 'ok'; path: string; identity: string } | { kind: 'refused'; error: ErrorInfo };

/**
 * Returns the real path of a named pi session file, or why it cannot be continued. Folders and files are compared by
 * identity, not by spelling: symbolic links, `..` or another case do not lead out of the folders, and two sessions cannot
 * continue one file, because they would overwrite each other.
 */
export async function checkSessionFile(
  named: string,
  { roots, sessionFolders }: { roots: readonly string[]; sessionFolders: readonly string[] },
  users: readonly FileUser[],
): Promise<SessionFileCheck> {
  // What lies outside is not to be explored by asking: whether it exists stays the host's secret.
  const missing = errorInfo('file_not_found', `There is no session file ${named}`);
  const path = await realpath(expandPath(named, roots[0]!)).catch(() => undefined);
  if (path === undefined) return { kind: 'refused', error: missing };
  const folders = await Promise.all(sessionFolders.map((folder) => realpath(folder).catch(() => undefined)));
  const allowed = [...roots, ...folders.filter((folder) => folder !== undefined)];
  const identity = isInside(path, allowed) ? await identityOf(path) : undefined;
  if (identity === undefined) return { kind: 'refused', error: missing };
  for (const { sid, file } of users)
    if (file !== undefined && (await identityOf(file)) === identity) return inUse(named, sid);
  return { kind: 'ok', path, identity };
}

export function inUse(named: string, sid: string): { kind: 'refused'; error: ErrorInfo } {
  return { kind: 'refused', error: errorInfo('file_in_use', `The session ${sid} continues ${named}`) };
}

/** What a file is, whatever it is called; undefined for what is no file. */
async function identityOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found?.isFile() === true ? `${found.dev}.${found.ino}` : undefined;
}
