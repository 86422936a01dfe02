import { KeyedSerialQueue } from '@pizzapi/process';
import { CodedError, type CHANGES_METHODS, type GIT_METHODS } from '@pizzapi/protocol';
import { gitBranches, gitDiff, gitLog, gitShow, gitStatus } from '../git/gitReads.js';
import { gitCheckout, gitCommit, gitDiscard, gitStage, gitUnstage } from '../git/gitWrites.js';
import { gitStageHunk, gitUnstageHunk } from '../git/hunkStaging.js';
import type { GitParts } from '../git/index.js';
import { Repository } from '../git/repository.js';
import { SessionChanges } from '../git/sessionChanges.js';
import { undoChange } from '../git/sessionUndo.js';
import type { SessionHosts } from '../hosts.js';
import type { SessionRecord } from '../records.js';
import { folderOf } from './commandHandlers.js';
import type { RunnerCall, RunnerHandlers } from './dispatcher.js';

export interface GitDeps {
  git: GitParts;
  hosts: Pick<SessionHosts, 'get' | 'ended'>;
}

type GitMethod = keyof typeof GIT_METHODS | keyof typeof CHANGES_METHODS;

/** Answers requests about git, and about the changes and the work trees of sessions. */
export function gitHandlers({ git, hosts }: GitDeps): Pick<RunnerHandlers, GitMethod> {
  const { states, worktrees, roots } = git;
  const queue = new KeyedSerialQueue();

  const sessionOf = async (sid: string): Promise<Readonly<SessionRecord> | undefined> =>
    hosts.get(sid)?.facts ?? (await hosts.ended.find(sid));

  /** Also of a session that is over: its folder is still there. */
  async function repositoryOf(
    { cwd, sessionId }: { cwd?: string; sessionId?: string },
    signal: AbortSignal,
  ): Promise<Repository> {
    if (git.program === undefined) throw new CodedError('git_missing', 'This host has no git');
    const session = sessionId === undefined ? undefined : await sessionOf(sessionId);
    if (sessionId !== undefined && session === undefined)
      throw new CodedError('session_not_found', `There is no session ${sessionId} here`);
    const named = cwd ?? session?.cwd;
    const folder = await folderOf(named === undefined ? {} : { cwd: named }, { roots, hosts });
    return Repository.find(git.program, folder, roots, signal);
  }

  const reading =
    <Q extends { cwd?: string; sessionId?: string }, R>(
      read: (repository: Repository, request: Q, signal: AbortSignal) => Promise<R>,
    ) =>
    async (request: Q, { signal }: RunnerCall): Promise<R> =>
      read(await repositoryOf(request, signal), request, signal);

  /** One change of a repository at a time. */
  const changing =
    <Q extends { cwd?: string; sessionId?: string; programs?: boolean }, R>(
      change: (repository: Repository, request: Q, signal: AbortSignal) => Promise<R>,
    ) =>
    async (request: Q, { signal }: RunnerCall): Promise<R> => {
      git.requirePrograms(request.programs);
      const repository = await repositoryOf(request, signal);
      return queue.run(repository.commonDir, () => change(repository, request, signal));
    };

  /** A change without anything to say. */
  const silent =
    <Q>(change: (repository: Repository, request: Q, signal: AbortSignal) => Promise<void>) =>
    async (repository: Repository, request: Q, signal: AbortSignal): Promise<Record<string, never>> => {
      await change(repository, request, signal);
      return {};
    };

  const changes = new SessionChanges(states, sessionOf);

  /** Whether a guest asks, who sees the folder of one session only. */
  function isGuest(sessionId: string, { within }: RunnerCall): boolean {
    if (within !== undefined && within !== sessionId) throw new CodedError('forbidden', 'This is another session');
    return within !== undefined;
  }

  return {
    git_status: reading(gitStatus),
    git_diff: reading(gitDiff),
    git_log: reading(gitLog),
    git_show: reading(gitShow),
    git_branches: reading(gitBranches),
    git_stage: changing(silent(gitStage)),
    git_unstage: changing(silent(gitUnstage)),
    git_stage_hunk: changing(silent(gitStageHunk)),
    git_unstage_hunk: changing(silent(gitUnstageHunk)),
    git_discard: changing(silent(gitDiscard)),
    git_commit: changing(gitCommit),
    git_checkout: changing(gitCheckout),
    session_changes: async (request, call) => {
      const guest = isGuest(request.sessionId, call);
      const [reply, [worktree]] = await Promise.all([
        changes.changes(request, guest),
        guest ? [] : worktrees.list(request.sessionId),
      ]);
      return { ...reply, ...(worktree === undefined ? {} : { worktree }) };
    },
    session_diff: async (request, call) => changes.diff(request, isGuest(request.sessionId, call)),
    session_undo: (request) => undoChange(states, changes, request),
    list_worktrees: async ({ sessionId }) => ({ worktrees: await worktrees.list(sessionId) }),
    keep_worktree: async (request) => {
      await worktrees.keep(request);
      return {};
    },
    merge_worktree: (request, { signal }) => worktrees.merge(request, signal),
    remove_worktree: async (request) => {
      await worktrees.remove(request);
      return {};
    },
  };
}
