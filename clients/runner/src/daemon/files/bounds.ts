import { homedir } from 'node:os';
import { fromText, isWithin, joinPath, bytePath, resolvePath, type BytePath } from './bytePath.js';

/** Folders of the operating system whose files are no files: reading them shows processes and devices. */
const NEVER = ['/proc', '/sys', '/dev'].map(fromText);

export interface BoundsOptions {
  /** Real paths. */
  roots: readonly BytePath[];
  /** Where relative paths begin. */
  base: BytePath;
  /** Real paths of files and folders that are closed although they lie in a root: what the runner keeps for itself. */
  closed?: readonly BytePath[];
  /** Real paths that are open although they lie in a closed folder, such as a root that the owner put there. */
  open?: readonly BytePath[];
}

/** Where the paths of a request may lie, as rules about real paths. Pure. */
export class Bounds {
  readonly roots: readonly BytePath[];
  readonly base: BytePath;
  private readonly closed: readonly string[];
  private readonly open: readonly string[];

  constructor({ roots, base, closed = [], open = [] }: BoundsOptions) {
    this.roots = roots;
    this.base = base;
    this.closed = [...NEVER, ...closed].map(folded);
    this.open = open.map(folded);
  }

  /** The absolute path that a person means: from `~`, from the base, `..` resolved. */
  locate(path: BytePath): BytePath {
    const isHome = path === '~' || path.startsWith('~/');
    const expanded = isHome ? joinPath(fromText(homedir()), bytePath(`.${path.slice(1)}`)) : path;
    return resolvePath(this.base, expanded);
  }

  /** True when a real path may be used. */
  has(real: BytePath): boolean {
    if (!this.roots.some((root) => isWithin(real, root))) return false;
    const path = folded(real);
    const opens = this.open.filter((folder) => isWithin(path, folder));
    return !this.closed.some((folder) => isWithin(path, folder) && !opens.some((open) => isWithin(open, folder)));
  }

  /** True when something closed lies below a folder: it can then be neither moved nor removed. */
  holdsClosed(real: BytePath): boolean {
    const path = folded(real);
    return this.closed.some((folder) => isWithin(folder, path));
  }

  /** True for a root itself. */
  isRoot(real: BytePath): boolean {
    return this.roots.includes(real);
  }
}

/** On a volume that ignores case one folder has many names. What is closed is closed under all of them. */
const folded = (path: BytePath): string => Buffer.from(path, 'latin1').toString('utf8').normalize('NFC').toLowerCase();
