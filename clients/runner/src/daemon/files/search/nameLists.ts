import type { MethodRequest } from '@pizzapi/protocol';
import type { BytePath } from '../bytePath.js';
import type { OpenPath } from '../confinement.js';
import { pathsIn } from './rawMatch.js';
import type { SearchedBy, SearchProcess } from './searchProcess.js';

/** Names of one folder that are kept in memory. */
const MAX_NAMES = 500_000;
/** How long the names of a folder are used again after they were listed, in ms: a person types one letter after another. */
const FRESH_MS = 10_000;
const MAX_KEPT = 4;
/** How long a list is continued that no search waits for, in ms: the next letter of a query needs the same names. */
const LINGER_MS = 2_000;

export interface NameList {
  by: SearchedBy;
  paths: readonly BytePath[];
  /** There are more than are kept. */
  limited: boolean;
}

/** The use of a list by one search, until it is released. */
export interface NameListUse {
  list: Promise<NameList>;
  readonly release: () => void;
}

interface KeptList {
  list: Promise<NameList>;
  /** When all names were there; undefined: they are being listed. */
  endedAt: number | undefined;
  /** Searches that wait for it. */
  users: number;
  kill: () => void;
  timer: NodeJS.Timeout | undefined;
}

/** The names below folders, kept for as long as a person types. A list that no search waits for any more is not finished. */
export class NameLists {
  private readonly kept = new Map<string, KeptList>();

  /** `start` starts the process that lists the names. */
  use(request: MethodRequest<'search_files'>, folder: OpenPath, start: () => SearchProcess): NameListUse {
    const { hidden, ignored, folders, globs = [] } = request;
    const key = [folder.real, hidden, ignored, folders, ...globs].join('\0');
    const found = this.kept.get(key);
    const isFresh = found?.endedAt === undefined || performance.now() - found.endedAt < FRESH_MS;
    const used = found !== undefined && isFresh ? found : this.begin(key, start());
    clearTimeout(used.timer);
    used.users++;
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      used.users--;
      if (used.users > 0 || used.endedAt !== undefined) return;
      used.timer = setTimeout(() => this.drop(key, used), LINGER_MS);
      used.timer.unref();
    };
    return { list: used.list, release };
  }

  stop(): void {
    for (const [key, list] of [...this.kept]) this.drop(key, list);
  }

  private begin(key: string, process: SearchProcess): KeptList {
    const list = listOf(process);
    const kept: KeptList = {
      ...{ list, endedAt: undefined, users: 0, timer: undefined },
      kill: () => process.child.kill('SIGKILL'),
    };
    this.kept.delete(key);
    this.kept.set(key, kept);
    list.then(
      () => (kept.endedAt = performance.now()),
      () => this.drop(key, kept),
    );
    const idle = [...this.kept].find(([, { users }]) => users === 0);
    if (this.kept.size > MAX_KEPT && idle !== undefined && idle[1] !== kept) this.drop(...idle);
    return kept;
  }

  private drop(key: string, list: KeptList): void {
    clearTimeout(list.timer);
    if (this.kept.get(key) === list) this.kept.delete(key);
    if (list.endedAt === undefined) list.kill();
  }
}

function listOf({ by, child }: SearchProcess): Promise<NameList> {
  const paths: BytePath[] = [];
  let rest = '';
  let limited = false;
  child.stdout?.on('data', (chunk: Buffer) => {
    rest += chunk.toString('latin1');
    const end = rest.lastIndexOf('\0');
    paths.push(...pathsIn(rest.slice(0, end + 1)));
    rest = rest.slice(end + 1);
    if (paths.length < MAX_NAMES) return;
    limited = true;
    child.kill('SIGKILL');
  });
  child.stderr?.resume();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve({ by, paths, limited }));
  });
}
