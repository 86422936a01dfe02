import { CodedError, type MethodRequest } from '@pizzapi/protocol';
import { contentOf, DEFAULT_CONTEXT, DIFF_OPTIONS, listDiff, workContentId } from './gitReads.js';
import { modeOf } from './gitWrites.js';
import { patchOfHunk } from './patch.js';
import type { DiffEntry } from './porcelain.js';
import { placeOf, type Repository } from './repository.js';

/** Adds one hunk of what is not staged to the index. */
export const gitStageHunk = (
  repository: Repository,
  request: MethodRequest<'git_stage_hunk'>,
  signal: AbortSignal,
): Promise<void> => applyHunk(repository, 'work_tree', request, signal);

/** Takes one hunk of what is staged out of the index. */
export const gitUnstageHunk = (
  repository: Repository,
  request: MethodRequest<'git_unstage_hunk'>,
  signal: AbortSignal,
): Promise<void> => applyHunk(repository, 'index', request, signal);

/**
 * Applies one hunk of a diff to the index, and to nothing else. Throws `git_changed` when the contents are others than those that
 * the caller has seen.
 */
async function applyHunk(
  repository: Repository,
  what: 'work_tree' | 'index',
  {
    path,
    was,
    now,
    hunk,
    context = DEFAULT_CONTEXT,
    programs,
  }: MethodRequest<'git_unstage_hunk'> & Pick<MethodRequest<'git_stage_hunk'>, 'programs'>,
  signal: AbortSignal,
): Promise<void> {
  await placeOf(repository.top, path);
  const changed = (): CodedError => new CodedError('git_changed', `The change of "${path}" is another one by now`);
  const sides = what === 'index' ? ['diff', '--cached'] : ['diff'];
  const entry = (await listDiff(repository, sides, [path], signal)).find((found) => found.path === path);
  if (entry === undefined || contentOf(entry.was) !== was) throw changed();
  requireLines(entry);
  const mode = modeOf(programs);
  // Not as for reading: a file with a filter is refused, as when it is staged as a whole.
  const args = [...sides, '--patch', ...DIFF_OPTIONS, `--unified=${context}`, '--no-renames', '--', path];
  const patch = patchOfHunk((await repository.run({ args, mode, signal })).stdout, hunk);
  const current = what === 'index' ? contentOf(entry.now) : await workContentId(repository, path);
  if (patch === undefined || current !== now) throw changed();
  try {
    await repository.run({
      args: [
        ...['apply', '--cached', '--whitespace=nowarn', '--no-ignore-whitespace'],
        ...(what === 'index' ? ['--reverse'] : []),
        ...(context === 0 ? ['--unidiff-zero'] : []),
        '-',
      ],
      ...{ stdin: patch, mode, signal },
    });
  } catch (error) {
    // The index was changed after it was read.
    if (error instanceof CodedError && error.code === 'git_conflict') throw changed();
    throw error;
  }
}

const FILE_MODE = /^100/;

function requireLines({ path, state, binary, was, now }: DiffEntry): void {
  const isText = state === 'modified' && binary !== true && FILE_MODE.test(was.mode) && FILE_MODE.test(now.mode);
  if (!isText) throw new CodedError('bad_request', `"${path}" can only be staged or unstaged as a whole`);
}
