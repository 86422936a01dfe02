import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { CodedError, errorInfo, type ErrorInfo } from '@pizzapi/protocol';

/** Whether a real path is a root or below one. */
export function isInside(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep));
}

/** `~` and `~/x` as the person's home; a relative path is taken from `base`. */
export function expandPath(path: string, base: string): string {
  const expanded = path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
  return isAbsolute(expanded) ? resolve(expanded) : resolve(base, expanded);
}

/** The roots as real paths, in their order. Throws `cwd_not_found` or `cwd_not_a_folder` for one that is no folder. */
export async function resolveRoots(roots: readonly string[]): Promise<string[]> {
  const real: string[] = [];
  for (const root of roots.length === 0 ? [homedir()] : roots) {
    const found = await realFolder(expandPath(root, process.cwd()));
    if (found.kind === 'refused') throw new CodedError(found.error.code, `The root ${root} cannot be used`);
    if (!real.includes(found.path)) real.push(found.path);
  }
  return real;
}

export type FolderCheck = { kind: 'ok'; path: string } | { kind: 'refused'; error: ErrorInfo };

/** Where a session may start: the real path of `cwd` (the first root when there is none), or why not. */
export async function checkCwd(cwd: string | undefined, roots: readonly string[]): Promise<FolderCheck> {
  if (cwd === undefined || cwd.trim() === '') return { kind: 'ok', path: roots[0]! };
  const asked = expandPath(cwd.trim(), roots[0]!);
  const found = await realFolder(asked);
  if (found.kind === 'ok' && !isInside(found.path, roots)) return outside(cwd, roots);
  // What lies outside is not to be explored by asking: whether it exists stays the host's secret.
  if (found.kind === 'refused' && !isInside(asked, roots)) return outside(cwd, roots);
  return found;
}

function outside(cwd: string, roots: readonly string[]): FolderCheck {
  return { kind: 'refused', error: errorInfo('cwd_outside_roots', `${cwd} is not inside of ${roots.join(', ')}`) };
}

async function realFolder(path: string): Promise<FolderCheck> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return { kind: 'refused', error: errorInfo('cwd_not_found', `There is no ${path}`) };
  if ((await stat(real)).isDirectory()) return { kind: 'ok', path: real };
  return { kind: 'refused', error: errorInfo('cwd_not_a_folder', `${path} is a file`) };
}
