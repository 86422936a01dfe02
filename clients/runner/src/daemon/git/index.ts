import { mkdir, realpath } from 'node:fs/promises';
import type { Logger } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import type { RunnerHome } from '../../home.js';
import { GitProgram } from './gitProgram.js';
import { SessionStateRecorder } from './sessionStates.js';
import { SessionWorktrees } from './sessionWorktrees.js';

export interface GitPartsDeps {
  env: NodeJS.ProcessEnv;
  home: Pick<RunnerHome, 'worktrees' | 'worktreeRecords' | 'changes'>;
  /** The roots that people chose. */
  roots: readonly string[];
  /** Whether a session runs or sleeps here. */
  isHosted: (sid: string) => boolean;
  /** Whether the token of the runner lets people start programs. */
  allowsPrograms: () => boolean;
  log: Logger;
}

/** What a daemon has of git. */
export interface GitParts {
  /** Undefined: the host has no git, or one that is too old. */
  program: GitProgram | undefined;
  version: string | undefined;
  /** The roots, and the folder of the work trees of sessions. */
  roots: readonly string[];
  states: SessionStateRecorder;
  worktrees: SessionWorktrees;
  /** Throws `right_missing` when a request wants programs and the token does not allow them. */
  requirePrograms(wanted: boolean | undefined): void;
}

/** Finds the git of the host and makes what works with it. */
export async function createGitParts(deps: GitPartsDeps): Promise<GitParts> {
  const { env, home, isHosted, allowsPrograms, log } = deps;
  const program = await GitProgram.find(env);
  if (program === undefined)
    log.warn({}, 'no git of version 2.31 or later found; changes of sessions are not recorded');
  await mkdir(home.worktrees, { recursive: true, mode: 0o700 });
  const roots = [...new Set([...deps.roots, await realpath(home.worktrees)])];
  const requirePrograms = (wanted: boolean | undefined): void => {
    if (wanted === true && !allowsPrograms())
      throw new CodedError('right_missing', 'Programs of a repository need the right exec');
  };
  return {
    program,
    version: program?.version,
    roots,
    states: new SessionStateRecorder({ git: program, roots, folder: home.changes, log }),
    worktrees: new SessionWorktrees({
      ...{ git: program, roots, isHosted, requirePrograms, log },
      folder: await realpath(home.worktrees),
      records: home.worktreeRecords,
    }),
    requirePrograms,
  };
}
