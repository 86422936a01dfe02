import { lstat } from 'node:fs/promises';
import type { EntryGitState } from '@pizzapi/protocol';
import type { GitProgram } from '../git/gitProgram.js';
import { Repository } from '../git/repository.js';
import { bytePath, joinPath, parentOf, toBuffer, type BytePath } from './bytePath.js';
import type { OpenPath } from './confinement.js';

/** How long git may take, in ms. A listing is answered without its states then. */
const GIT_MS = 3_000;
/** How long the states of a folder are used again, in ms: a tree asks for its folders at once. */
const FRESH_MS = 2_000;
const MAX_KEPT = 64;

/** What git says about the entries of one folder. */
export interface GitStates {
  of(name: BytePath): EntryGitState | undefined;
}

/** Reads what git says of folders, without a lock, without a hook and without a program that a repository names. */
export class GitStateReader {
  private readonly kept = new Map<BytePath, { at: number; states: Promise<GitStates | undefined> }>();

  /** `git`: undefined on a host without one. `roots`: all of a repository lies within them. */
  constructor(
    private readonly git: GitProgram | undefined,
    private readonly roots: readonly string[],
  ) {}

  /** Undefined: the folder is in no repository, or git did not answer. */
  read(folder: OpenPath): Promise<GitStates | undefined> {
    const found = this.kept.get(folder.real);
    if (found !== undefined && performance.now() - found.at < FRESH_MS) return found.states;
    const states = this.ask(folder);
    this.kept.delete(folder.real);
    this.kept.set(folder.real, { at: performance.now(), states });
    const [oldest] = this.kept.keys();
    if (this.kept.size > MAX_KEPT && oldest !== undefined) this.kept.delete(oldest);
    return states;
  }

  /** After a change of ours the next listing shows it. */
  forget(): void {
    this.kept.clear();
  }

  private async ask(folder: OpenPath): Promise<GitStates | undefined> {
    const top = await repositoryOf(folder.real);
    if (top === undefined) return undefined;
    // A repository outside of the roots, one that is damaged and one that takes too long: the listing is shown without states.
    const output = await this.status(folder).catch(() => undefined);
    return output === undefined ? undefined : parseStatus(output, prefixOf(top, folder.real));
  }

  private async status(folder: OpenPath): Promise<string | undefined> {
    if (this.git === undefined) return undefined;
    const cwd = folder.self.toString();
    const signal = AbortSignal.timeout(GIT_MS);
    const repository = await Repository.find(this.git, cwd, this.roots, signal);
    const args = [
      ...['status', '--porcelain=v1', '-z', '--no-renames', '--ignore-submodules=all'],
      ...['--untracked-files=normal', '--ignored=traditional', '--', '.'],
    ];
    return (await repository.run({ args, signal, cwd })).stdout.toString('latin1');
  }
}

/** The folder above that has `.git`. */
export async function repositoryOf(folder: BytePath): Promise<BytePath | undefined> {
  for (let at = folder; ; at = parentOf(at)) {
    const found = await lstat(toBuffer(joinPath(at, bytePath('.git')))).catch(() => undefined);
    if (found !== undefined) return at;
    if (at === '/') return undefined;
  }
}

/** The path of a folder from the top of its repository: empty, or with a slash at its end. */
const prefixOf = (top: BytePath, folder: BytePath): string => {
  const rest = folder.slice(top === '/' ? 1 : top.length + 1);
  return rest === '' ? '' : `${rest}/`;
};

/** What wins for a folder whose files differ in state. */
const RANK: readonly EntryGitState[] = ['conflict', 'modified', 'untracked', 'ignored'];

/** Reads the output of `git status --porcelain=v1 -z` for one folder. One character for each byte. */
export function parseStatus(output: string, prefix: string): GitStates {
  const states = new Map<string, EntryGitState>();
  let whole: EntryGitState | undefined;
  for (const record of output.split('\0')) {
    const state = stateOf(record.slice(0, 2));
    const path = record.slice(3);
    if (state === undefined || path === '') continue;
    // A folder above is untracked or ignored as a whole.
    if (path.endsWith('/') && prefix.startsWith(path)) whole = state;
    if (!path.startsWith(prefix)) continue;
    const rest = path.slice(prefix.length);
    const slash = rest.indexOf('/');
    const name = slash === -1 ? rest : rest.slice(0, slash);
    const isBelow = slash !== -1 && slash < rest.length - 1;
    // What is ignored inside of a folder does not make the folder ignored.
    if (name === '' || (isBelow && state === 'ignored')) continue;
    const one = isBelow && state !== 'conflict' ? 'modified' : state;
    const before = states.get(name);
    if (before === undefined || RANK.indexOf(one) < RANK.indexOf(before)) states.set(name, one);
  }
  return { of: (name) => states.get(name) ?? whole };
}

function stateOf(letters: string): EntryGitState | undefined {
  if (letters === '!!') return 'ignored';
  if (letters === '??') return 'untracked';
  if (/U|AA|DD/.test(letters)) return 'conflict';
  if (letters.includes('D')) return 'deleted';
  if (letters.startsWith('A')) return 'added';
  if (letters.includes('R')) return 'renamed';
  return /[MTC]/.test(letters) ? 'modified' : undefined;
}
