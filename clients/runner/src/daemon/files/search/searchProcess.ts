import { spawn, type ChildProcess } from 'node:child_process';
import type { MethodRequest } from '@pizzapi/protocol';
import type { OpenPath } from '../confinement.js';
import { isCaseMatched, patternOf } from './pattern.js';
import type { WalkerRequest } from './walker.js';

export type SearchedBy = 'ripgrep' | 'git' | 'walker';

/** The programs that search. */
export interface SearchPrograms {
  /** Undefined: the host has none. */
  ripgrep: string | undefined;
  git: string | undefined;
  /** The file of our own walker, which this Node runs. */
  walker: string;
}

export interface SearchProcess {
  by: SearchedBy;
  child: ChildProcess;
}

type Request = MethodRequest<'search_files'>;

/** Starts the process that lists or searches what is below a folder. It starts in the folder itself, not by its path. */
export function startSearch(
  request: Request,
  folder: OpenPath,
  { programs, env, inGit }: { programs: SearchPrograms; env: NodeJS.ProcessEnv; inGit: boolean },
): SearchProcess {
  const { hidden = true, ignored = false, globs = [] } = request;
  const cwd = folder.self.toString();
  const clean = Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('GIT_') && name !== 'RIPGREP_CONFIG_PATH'),
  );
  const options = { cwd, env: { ...clean, LC_ALL: 'C' } };
  // Only our walker lists folders.
  const folders = request.in === 'names' && request.folders === true;
  if (programs.ripgrep !== undefined && !folders) {
    const child = spawn(programs.ripgrep, ripgrepArgs(request), { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    return { by: 'ripgrep', child };
  }
  const ask: WalkerRequest = {
    find: request.in,
    ...{ hidden, globs, folders },
    listed: inGit && !ignored && !folders && programs.git !== undefined,
    ...(request.in === 'names' ? {} : { sought: soughtOf(request) }),
  };
  // What cannot be compiled is said before a process starts.
  if (ask.sought !== undefined) patternOf(ask.sought);
  const walker = spawn(process.execPath, [programs.walker, JSON.stringify(ask)], {
    ...options,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  walker.stdin.on('error', () => undefined);
  if (!ask.listed || programs.git === undefined) {
    walker.stdin.end();
    return { by: 'walker', child: walker };
  }
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const safe = ['--no-optional-locks', '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'];
  const git = spawn(programs.git, [...safe, ...listing], { ...options, stdio: ['ignore', 'pipe', 'ignore'] });
  git.on('error', () => walker.stdin.end());
  git.stdout.on('error', () => undefined);
  git.stdout.pipe(walker.stdin);
  walker.on('close', () => git.kill('SIGKILL'));
  return { by: 'git', child: walker };
}

const soughtOf = ({ query, regex = false, matchCase, word = false }: Request) => ({
  ...{ query, regex, word },
  ...(matchCase === undefined ? {} : { matchCase }),
});

/** No file of the person or of the folder changes what these do, except files that say what is ignored. */
export function ripgrepArgs(request: Request): string[] {
  const { query, regex = false, matchCase, word = false, hidden = true, ignored = false, globs = [] } = request;
  const shared = [
    ...['--no-config', '--no-messages', '--color=never', '--no-follow'],
    ...(hidden ? ['--hidden'] : []),
    ...(ignored ? ['--no-ignore'] : []),
    ...globs.flatMap((glob) => ['--glob', glob]),
    ...['--glob', '!.git'],
  ];
  if (request.in === 'names') return [...shared, '--files', '--null', '.'];
  return [
    ...shared,
    ...['--json', isCaseMatched({ query, matchCase }) ? '--case-sensitive' : '--ignore-case'],
    ...(regex ? [] : ['--fixed-strings']),
    ...(word ? ['--word-regexp'] : []),
    ...['-e', query, '--', '.'],
  ];
}
