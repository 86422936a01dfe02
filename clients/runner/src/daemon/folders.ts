import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expandPath, isInside } from './roots.js';

/** No answer lists more folders than this. */
const MAX_FOLDERS = 100;

/**
 * Completes what a person has typed of a folder's path: the folders below it when it ends in a slash, else those beside
 * it that begin like its last part. Nothing outside the roots is told; hidden folders only when asked for by a dot.
 */
export async function completeFolder(typed: string, roots: readonly string[]): Promise<string[]> {
  if (typed.trim() === '') return [...roots];
  const path = expandPath(typed, roots[0]!);
  const whole = typed.endsWith('/') || typed === '~';
  const parent = whole ? path : dirname(path);
  const prefix = whole ? '' : basename(path).toLowerCase();
  const above = roots.filter((root) => root.toLowerCase().startsWith(path.toLowerCase()) && !(whole && root === path));
  const real = await realpath(parent).catch(() => undefined);
  if (real === undefined || !isInside(real, roots)) return above.slice(0, MAX_FOLDERS);
  const entries = await readdir(real, { withFileTypes: true }).catch(() => []);
  const below = entries
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map((entry) => entry.name)
    .filter((name) => name.toLowerCase().startsWith(prefix) && (prefix.startsWith('.') || !name.startsWith('.')))
    .sort((a, b) => a.localeCompare(b))
    .map((name) => join(real, name));
  return [...new Set([...above, ...below])].slice(0, MAX_FOLDERS);
}
