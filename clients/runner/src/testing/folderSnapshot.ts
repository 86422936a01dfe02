import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The state of each path below a folder: mode, time of change and content. */
export type FolderSnapshot = ReadonlyMap<string, string>;

/** Up to this number of changes a repair is faster than a new copy. */
const MAX_REPAIRS = 20;

/** Reads the state of a folder. The time of a folder also shows a file that was created and removed in it. */
export function snapshot(folder: string): FolderSnapshot {
  const into = new Map<string, string>();
  read(folder, '', into);
  return into;
}

function read(folder: string, below: string, into: Map<string, string>): void {
  for (const name of readdirSync(join(folder, below))) {
    const path = join(below, name);
    const whole = join(folder, path);
    const stat = lstatSync(whole);
    const state = `${stat.mode} ${stat.mtimeMs}`;
    if (stat.isSymbolicLink()) into.set(path, `${state} ${readlinkSync(whole)}`);
    else if (stat.isDirectory()) read(folder, path, into.set(path, state));
    else if (stat.isFile())
      into.set(path, `${state} ${createHash('sha256').update(readFileSync(whole)).digest('hex')}`);
    else into.set(path, state);
  }
}

/** Returns the paths whose state differs. */
export function changedPaths(before: FolderSnapshot, after: FolderSnapshot): string[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])];
  return paths.filter((path) => before.get(path) !== after.get(path));
}

/**
 * Makes `folder`, a copy of `original`, equal to it again where the paths `changed` differ. Returns whether it is equal
 * afterwards, times included; if not, the caller needs a new copy.
 */
export function repair(folder: string, original: string, state: FolderSnapshot, changed: readonly string[]): boolean {
  if (changed.length > MAX_REPAIRS) return false;
  const folders = new Set<string>();
  for (const path of changed) {
    const [from, to] = [join(original, path), join(folder, path)];
    if (isFolder(from) && isFolder(to)) folders.add(path);
    else {
      rmSync(to, { recursive: true, force: true });
      if (lstatSync(from, { throwIfNoEntry: false }) !== undefined) execFileSync('cp', ['-a', from, to]);
      folders.add(dirname(path));
    }
  }
  for (const path of folders) {
    const [from, to] = [join(original, path), join(folder, path)];
    if (!isFolder(from) || !isFolder(to)) continue;
    chmodSync(to, lstatSync(from).mode);
    execFileSync('touch', ['-r', from, to]);
  }
  return changedPaths(state, snapshot(folder)).length === 0;
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
