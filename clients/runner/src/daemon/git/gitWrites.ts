import { CodedError, type MethodReply, type MethodRequest } from '@pizzapi/protocol';
import type { GitMode } from './gitEnvironment.js';
import { readStatus, repositoryState, workContentId } from './gitReads.js';
import { records } from './porcelain.js';
import { placeOf, type Repository } from './repository.js';

/** What git may start for a change. */
export const modeOf = (programs: boolean | undefined): GitMode => (programs === true ? 'programs' : 'write');
const pathspec = (paths: readonly string[] | undefined): string[] => ['--', ...(paths ?? ['.'])];

/**
 * Stages files. Not with `git add`: it runs a git of its own in each submodule, with the configuration of the submodule.
 */
export async function gitStage(
  repository: Repository,
  { paths, programs }: Pick<MethodRequest<'git_stage'>, 'paths' | 'programs'>,
  signal: AbortSignal,
): Promise<void> {
  const changed = ['ls-files', '-z', '--modified', '--deleted', '--others', '--exclude-standard'];
  const lists = await Promise.all([
    repository.run({ args: [...changed, ...pathspec(paths)], signal }),
    // A file in conflict may look unchanged. What a person names is staged as it is.
    paths === undefined
      ? repository.run({ args: ['diff', '--name-only', '-z', '--diff-filter=U'], signal })
      : repository.run({ args: ['ls-files', '-z', ...pathspec(paths)], signal }),
  ]);
  const names = lists.flatMap(({ stdout }) => records(stdout)).filter((name) => name.at(-1) !== 0x2f);
  const stdin = Buffer.concat(names.flatMap((name) => [name, Buffer.from([0])]));
  const args = ['update-index', '-z', '--add', '--remove', '--replace', '--stdin'];
  await repository.run({ args, stdin, mode: modeOf(programs), signal });
}

export async function gitUnstage(
  repository: Repository,
  { paths }: MethodRequest<'git_unstage'>,
  signal: AbortSignal,
): Promise<void> {
  await repository.run({ args: ['reset', '--quiet', ...pathspec(paths)], mode: 'write', signal });
}

export async function gitDiscard(
  repository: Repository,
  { files, programs }: Pick<MethodRequest<'git_discard'>, 'files' | 'programs'>,
  signal: AbortSignal,
): Promise<void> {
  for (const { path, now } of files) {
    await placeOf(repository.top, path);
    if (now !== undefined && (await workContentId(repository, path)) !== now)
      throw new CodedError('git_changed', `"${path}" has another content`);
  }
  const paths = files.map(({ path }) => path);
  const listed = await repository.run({ args: ['ls-files', '-z', '--', ...paths], signal });
  const tracked = new Set(records(listed.stdout).map((name) => name.toString('utf8')));
  const known = paths.filter((path) => tracked.has(path));
  const others = paths.filter((path) => !tracked.has(path));
  const mode = modeOf(programs);
  if (known.length > 0) {
    const args = ['restore', '--worktree', '--no-recurse-submodules', '--', ...known];
    await repository.run({ args, mode, signal });
  }
  if (others.length > 0) await repository.run({ args: ['clean', '--force', '--quiet', '--', ...others], mode, signal });
}

export async function gitCommit(
  repository: Repository,
  { message, all = false, amend = false, head, programs }: MethodRequest<'git_commit'>,
  signal: AbortSignal,
): Promise<MethodReply<'git_commit'>> {
  if (head !== undefined && (await repository.commitOrNull('HEAD', signal)) !== head)
    throw new CodedError('git_changed', 'The branch is at another commit');
  if (all) await gitStage(repository, { programs }, signal);
  const args = ['commit', '--quiet', '--cleanup=whitespace', '--no-edit', '--no-status', '--file=-'];
  const options = [...(amend ? ['--amend'] : []), ...(programs === true ? [] : ['--no-verify', '--no-gpg-sign'])];
  await repository.run({ args: [...args, ...options], mode: modeOf(programs), stdin: message, signal });
  const [oid = '', subject = ''] = (await repository.text('log', '-1', '--format=%H%n%s', '--no-show-signature')).split(
    '\n',
  );
  return { oid, subject };
}

export async function gitCheckout(
  repository: Repository,
  { branch, create = false, from, programs }: MethodRequest<'git_checkout'>,
  signal: AbortSignal,
): Promise<MethodReply<'git_checkout'>> {
  const options = ['switch', '--quiet', '--no-guess', '--no-recurse-submodules'];
  const start = from === undefined ? [] : [from];
  // Resolved before, so that git takes it for a revision. A branch of another repository keeps its name: it is followed.
  if (from !== undefined) await repository.commit(from, signal);
  const args = create ? [...options, '--create', branch, ...start] : [...options, branch];
  await repository.run({ args, mode: modeOf(programs), signal });
  return { repository: await repositoryState(repository, await readStatus(repository, signal)) };
}
