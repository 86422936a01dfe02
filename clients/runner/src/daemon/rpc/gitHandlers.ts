import { CodedError, type CHANGES_METHODS, type GIT_METHODS } from '@pizzapi/protocol';
import type { RunnerHandlers } from './dispatcher.js';

type GitMethod = keyof typeof GIT_METHODS | keyof typeof CHANGES_METHODS;

const refuse = (): never => {
  throw new CodedError('git_missing', 'This runner does not answer requests about git');
};

/** Answers requests about git and about the changes of sessions. */
export function gitHandlers(): Pick<RunnerHandlers, GitMethod> {
  return {
    git_status: refuse,
    git_diff: refuse,
    git_log: refuse,
    git_show: refuse,
    git_branches: refuse,
    git_stage: refuse,
    git_unstage: refuse,
    git_discard: refuse,
    git_commit: refuse,
    git_checkout: refuse,
    session_changes: refuse,
    session_diff: refuse,
    session_undo: refuse,
    list_worktrees: refuse,
    keep_worktree: refuse,
    merge_worktree: refuse,
    remove_worktree: refuse,
  };
}
