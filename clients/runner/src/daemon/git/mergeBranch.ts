import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import type { GitProgram } from './gitProgram.js';
import { records } from './porcelain.js';
import { Repository } from './repository.js';

export interface MergeRequest {
  branch: string;
  into: string;
}

export interface MergeOutcome {
  oid: string;
  how: 'merged' | 'fast_forward' | 'nothing';
}

/**
 * Merges a branch into another one: in the work tree that has it checked out, or without one. Nothing is left behind when
 * both sides changed the same lines.
 */
export async function mergeBranch(
  git: GitProgram,
  repository: Repository,
  { branch, into }: MergeRequest,
  roots: readonly string[],
): Promise<MergeOutcome> {
  const [theirs, ours] = [await tipOf(repository, branch), await tipOf(repository, into)];
  const message = `Merge branch '${branch}' into ${into}`;
  const checkedOut = await repository.text('for-each-ref', '--format=%(worktreepath)', `refs/heads/${into}`);
  if (checkedOut !== '') {
    const place = await Repository.find(git, checkedOut, roots);
    return mergeInWorkTree(place, { ours, theirs, message });
  }
  if (await isAncestor(repository, theirs, ours)) return { oid: ours, how: 'nothing' };
  const isForward = await isAncestor(repository, ours, theirs);
  const oid = isForward ? theirs : await mergeTrees(repository, { ours, theirs, message });
  await repository.run({ args: ['update-ref', `refs/heads/${into}`, oid, ours], mode: 'write' });
  return { oid, how: isForward ? 'fast_forward' : 'merged' };
}

async function tipOf(repository: Repository, branch: string): Promise<string> {
  const oid = await repository.commitOrNull(`refs/heads/${branch}`);
  if (oid === null) throw new CodedError('git_failed', `There is no branch "${branch}"`);
  return oid;
}

export async function isAncestor(repository: Repository, older: string, newer: string): Promise<boolean> {
  const { code } = await repository.run({ args: ['merge-base', '--is-ancestor', older, newer], codes: [0, 1] });
  return code === 0;
}

interface Sides {
  ours: string;
  theirs: string;
  message: string;
}

async function mergeInWorkTree(place: Repository, { ours, theirs, message }: Sides): Promise<MergeOutcome> {
  if (await isMerging(place)) throw new CodedError('git_conflict', `A merge is not finished in ${place.top}`);
  const options = ['--quiet', '--no-edit', '--no-gpg-sign', '--no-verify-signatures', '--no-autostash', '-m', message];
  const { code, stdout, stderr } = await place.run({
    args: ['merge', ...options, theirs],
    mode: 'write',
    codes: [0, 1, 2, 128],
  });
  if (code === 0) {
    const oid = await place.commit('HEAD');
    return { oid, how: oid === ours ? 'nothing' : oid === theirs ? 'fast_forward' : 'merged' };
  }
  if (!(await isMerging(place))) throw mergeError(stderr || stdout.toString('utf8'));
  const unmerged = await place.run({ args: ['diff', '--name-only', '-z', '--diff-filter=U'] });
  await place.run({ args: ['merge', '--abort'], mode: 'write' });
  throw conflict(records(unmerged.stdout).map((name) => name.toString('utf8')));
}

const isMerging = async ({ gitDir }: Repository): Promise<boolean> =>
  (await lstat(join(gitDir, 'MERGE_HEAD')).catch(() => undefined)) !== undefined;

function mergeError(text: string): CodedError {
  if (/Please tell me who you are|empty ident/.test(text)) return new CodedError('git_no_identity');
  return new CodedError(/filter '.*' failed/.test(text) ? 'git_needs_programs' : 'git_failed', text.slice(0, 600));
}

function conflict(files: readonly string[]): CodedError {
  const error = new CodedError('git_conflict', `Both sides changed ${files.slice(0, 5).join(', ')}`);
  error.details = { files: files.slice(0, 1_000) };
  return error;
}

async function mergeTrees(repository: Repository, { ours, theirs, message }: Sides): Promise<string> {
  const args = ['merge-tree', '--write-tree', '--name-only', '--no-messages', '-z', ours, theirs];
  const merged = await repository.run({ args, mode: 'write', codes: [0, 1] });
  const [tree, ...files] = records(merged.stdout).map((record) => record.toString('utf8'));
  if (merged.code === 1 || tree === undefined) throw conflict(files);
  const commit = ['commit-tree', '--no-gpg-sign', '-p', ours, '-p', theirs, '-m', message, tree];
  return (await repository.run({ args: commit, mode: 'write' })).stdout.toString('utf8').trim();
}
