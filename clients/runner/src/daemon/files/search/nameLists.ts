import type { MethodRequest } from '@pizzapi/protocol';
import type { BytePath } from '../bytePath.js';
import type { OpenPath } from '../confinement.js';
import { pathsIn } from './rawMatch.js';
import type { SearchedBy, SearchProcess } from './searchProcess.js';

/** Names of one folder that are kept in memory. */
const MAX_NAMES = 500_000;
/** How long the names of a folder are used again, in ms: a person types one letter after another. */
const FRESH_MS = 10_000;
const MAX_KEPT = 4;

export interface NameList {
  by: SearchedBy;
  paths: readonly BytePath[];
  /** There are more than are kept. */
  limited: boolean;
}

/** The names below folders, kept for as long as a person types. */
export class NameLists {
  private readonly kept = new Map<string, { at: number; list: Promise<NameList> }>();

  /** `start` starts the process that lists the names. */
  read(request: MethodRequest<'search_files'>, folder: OpenPath, start: () => SearchProcess): Promise<NameList> {
    const { hidden, ignored, folders, globs = [] } = request;
    const key = [folder.real, hidden, ignored, folders, ...globs].join('\0');
    const found = this.kept.get(key);
    if (found !== undefined && performance.now() - found.at < FRESH_MS) return found.list;
    const list = listOf(start());
    this.kept.delete(key);
    this.kept.set(key, { at: performance.now(), list });
    void list.catch(() => this.kept.delete(key));
    const [oldest] = this.kept.keys();
    if (this.kept.size > MAX_KEPT && oldest !== undefined) this.kept.delete(oldest);
    return list;
  }

  forget(): void {
    this.kept.clear();
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
