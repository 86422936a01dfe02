import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CodedError,
  GIT_PAGE,
  MAX_GIT_LOG,
  RUNNER_PAGE_BYTES,
  type GitRepositoryState,
  type MethodReply,
  type MethodRequest,
} from '@pizzapi/protocol';
import { pageOf, streamedPatch } from './pages.js';
import {
  BRANCH_FORMAT,
  changeOf,
  LOG_FORMAT,
  parseBranches,
  parseDiff,
  parseLog,
  parseStatus,
  records,
  type DiffEntry,
  type ParsedStatus,
} from './porcelain.js';
import { placeOf, readWorkFile, type Repository } from './repository.js';

/** Options of every diff: no program of a configuration, and one form. */
export const DIFF_OPTIONS = [
  '--no-ext-diff',
  '--no-textconv',
  '--no-color',
  '--submodule=short',
  '--src-prefix=a/',
  '--dst-prefix=b/',
  '--ignore-submodules=dirty',
];
const LIST_OPTIONS = ['--raw', '--numstat', '-z', '--no-abbrev'];
export const DEFAULT_CONTEXT = 3;

/** Reads the status, with every file that git does not track and does not ignore. */
export async function readStatus(repository: Repository, signal?: AbortSignal): Promise<ParsedStatus> {
  const args = ['status', '--porcelain=v2', '-z', '--branch', '--untracked-files=all', '--ignore-submodules=dirty'];
  return parseStatus((await repository.run({ args: [...args, '--find-renames'], signal })).stdout);
}

export async function gitStatus(
  repository: Repository,
  { offset = 0 }: MethodRequest<'git_status'>,
  signal: AbortSignal,
): Promise<MethodReply<'git_status'>> {
  const status = await readStatus(repository, signal);
  const { items, next } = pageOf(status.files, offset, GIT_PAGE);
  const state = await repositoryState(repository, status);
  return { repository: state, files: items, total: status.files.length, ...(next === undefined ? {} : { next }) };
}

const OPERATIONS = [
  ['MERGE_HEAD', 'merge'],
  ['rebase-merge', 'rebase'],
  ['rebase-apply', 'rebase'],
  ['CHERRY_PICK_HEAD', 'cherry_pick'],
  ['REVERT_HEAD', 'revert'],
  ['BISECT_LOG', 'bisect'],
] as const;

/** Where a repository stands. */
export async function repositoryState(
  repository: Repository,
  { branch: { head, oid, upstream, ahead, behind } }: Pick<ParsedStatus, 'branch'>,
): Promise<GitRepositoryState> {
  const { top, gitDir, commonDir } = repository;
  const found = await Promise.all(OPERATIONS.map(([name]) => exists(join(gitDir, name))));
  const operation = OPERATIONS[found.indexOf(true)]?.[1];
  const hooks = await readdir(join(commonDir, 'hooks')).catch(() => []);
  const hasHooks =
    hooks.some((name) => !name.endsWith('.sample')) || repository.config.some(([key]) => key === 'core.hookspath');
  return {
    top,
    branch: head,
    head: oid,
    ...(upstream === undefined ? {} : { upstream, ahead: ahead ?? 0, behind: behind ?? 0 }),
    ...(operation === undefined ? {} : { operation }),
    ...(gitDir === commonDir ? {} : { linked: true as const }),
    ...(hasHooks ? { hooks: true as const } : {}),
  };
}

const exists = async (path: string): Promise<boolean> => (await lstat(path).catch(() => undefined)) !== undefined;

type DiffRequest = MethodRequest<'git_diff'>;

export async function gitDiff(
  repository: Repository,
  request: DiffRequest,
  signal: AbortSignal,
): Promise<MethodReply<'git_diff'>> {
  const { path, patch = false, offset = 0, version, context = DEFAULT_CONTEXT } = request;
  const sides = await sidesOf(repository, request, signal);
  if (path !== undefined) return { diff: await fileDiff(repository, request, path, sides, signal) };
  if (patch) {
    const args = [...sides, ...DIFF_OPTIONS, `--unified=${context}`, '--find-renames', '--'];
    return { diff: await streamedPatch((call) => repository.run(call), { args, signal }, offset, version) };
  }
  const { items, next } = pageOf(await listDiff(repository, sides, [], signal), offset, GIT_PAGE);
  return { files: items.map(changeOf), ...(next === undefined ? {} : { next }) };
}

/** The command that compares what a request names. Its revisions are ids of commits. */
async function sidesOf(repository: Repository, request: DiffRequest, signal: AbortSignal): Promise<string[]> {
  const { from, to, what = 'work_tree' } = request;
  if (to !== undefined) {
    const after = await repository.commit(to, signal);
    const before =
      from === undefined
        ? ((await repository.commitOrNull(`${after}^`, signal)) ?? repository.emptyTree)
        : await repository.commit(from, signal);
    return ['diff-tree', '-r', before, after];
  }
  const commit = from === undefined ? [] : [await repository.commit(from, signal)];
  return what === 'index' ? ['diff', '--cached', ...commit] : ['diff', ...commit];
}

/** The files that differ between two sides: the words of the command that compares them. */
export async function listDiff(
  repository: Repository,
  sides: readonly string[],
  paths: readonly string[],
  signal: AbortSignal,
): Promise<DiffEntry[]> {
  const args = [...sides, ...DIFF_OPTIONS, ...LIST_OPTIONS, '--find-renames', '--', ...paths];
  return parseDiff((await repository.run({ args, signal })).stdout);
}

async function fileDiff(
  repository: Repository,
  { to, what = 'work_tree', context = DEFAULT_CONTEXT, offset = 0, version }: DiffRequest,
  path: string,
  sides: readonly string[],
  signal: AbortSignal,
): Promise<NonNullable<MethodReply<'git_diff'>['diff']>> {
  const isLive = to === undefined && what === 'work_tree';
  // Of a renamed file, the diff has both names.
  const entries = await listDiff(repository, sides, [], signal);
  const entry = entries.find((found) => found.path === path);
  const options = [...DIFF_OPTIONS, `--unified=${context}`, '--find-renames'];
  if (entry === undefined && isLive && (await isUntracked(repository, path, signal))) {
    const args = ['diff', '--no-index', ...options, '--', '/dev/null', path];
    const run = (call: { args: readonly string[] }) => repository.run({ ...call, codes: [0, 1] });
    const page = await streamedPatch(run, { args, signal }, offset, version);
    return { ...page, was: null, ...(await nowOf(repository, path)) };
  }
  const both = entry?.from === undefined ? [path] : [entry.from, path];
  const args = [...sides, '--patch', ...options, '--', ...both];
  const page = await streamedPatch((call) => repository.run(call), { args, signal }, offset, version);
  if (entry === undefined) return page;
  return {
    ...page,
    was: contentOf(entry.was),
    ...(isLive ? await nowOf(repository, path) : { now: contentOf(entry.now) }),
    ...(entry.binary === true ? { binary: true as const } : {}),
  };
}

const isZero = (oid: string): boolean => /^0+$/.test(oid);
export const contentOf = ({ oid }: { oid: string }): string | null => (isZero(oid) ? null : oid);

/** The content of a file of the work tree, unless it is too large or no file. */
async function nowOf(repository: Repository, path: string): Promise<{ now?: string | null }> {
  try {
    return { now: await workContentId(repository, path) };
  } catch (error) {
    if (error instanceof CodedError) return {};
    throw error;
  }
}

/** The content of a file of the work tree as the id of its bytes, without filters. Null: there is no file. */
export async function workContentId(repository: Repository, path: string): Promise<string | null> {
  const file = await readWorkFile(repository.top, path);
  return file === null ? null : repository.blobId(file.content);
}

/** Whether git lists the file as one that it does not track. It lists none that lies behind a symlink. */
async function isUntracked(repository: Repository, path: string, signal: AbortSignal): Promise<boolean> {
  await placeOf(repository.top, path);
  const { stdout } = await repository.run({ args: ['ls-files', '-z', '--others', '--', path], signal });
  return records(stdout).some((name) => name.toString('utf8') === path);
}

export async function gitLog(
  repository: Repository,
  { rev = 'HEAD', all = false, path, limit = 50, offset = 0 }: MethodRequest<'git_log'>,
  signal: AbortSignal,
): Promise<MethodReply<'git_log'>> {
  const start = all ? ['--branches', '--remotes', '--tags'] : [await repository.commitOrNull(rev, signal)];
  if (start[0] === null) {
    if (rev === 'HEAD') return { commits: [] };
    throw new CodedError('git_failed', `There is no commit "${rev}"`);
  }
  const size = Math.min(limit, MAX_GIT_LOG);
  const args = [
    ...['log', '-z', `--format=${LOG_FORMAT}`, `--max-count=${size + 1}`, `--skip=${offset}`, '--no-show-signature'],
    ...['--decorate=short', '--no-color', '--no-mailmap', ...start.filter((word) => word !== null)],
    ...['--', ...(path === undefined ? [] : [path])],
  ];
  const commits = parseLog((await repository.run({ args, signal })).stdout);
  const page = commits.slice(0, size);
  return { commits: page, ...(commits.length > size ? { next: offset + size } : {}) };
}

export async function gitShow(
  repository: Repository,
  { rev, path, offset = 0 }: MethodRequest<'git_show'>,
  signal: AbortSignal,
): Promise<MethodReply<'git_show'>> {
  const oid = await repository.commit(rev, signal);
  if (path !== undefined) return fileAt(repository, oid, path, offset, signal);
  const format = ['--no-walk', '-z', '--no-color', '--no-show-signature', '--no-mailmap'];
  const [about, body, entries] = await Promise.all([
    repository.run({ args: ['log', ...format, '--decorate=short', `--format=${LOG_FORMAT}`, oid], signal }),
    repository.run({ args: ['log', ...format, '--format=%B', oid], signal }),
    sidesOf(repository, { to: oid }, signal).then((sides) => listDiff(repository, sides, [], signal)),
  ]);
  const { items, next } = pageOf(entries, offset, GIT_PAGE);
  const [commit] = parseLog(about.stdout);
  return {
    ...(commit === undefined ? {} : { commit }),
    message: body.stdout
      .toString('utf8')
      .replace(/\0$/, '')
      .slice(0, 64 * 1024),
    files: items.map(changeOf),
    ...(next === undefined ? {} : { next }),
  };
}

/** A page of a file as it was in a commit. */
async function fileAt(
  repository: Repository,
  commit: string,
  path: string,
  offset: number,
  signal: AbortSignal,
): Promise<MethodReply<'git_show'>> {
  const listed = await repository.run({ args: ['ls-tree', '-z', '-l', '--full-tree', commit, '--', path], signal });
  const found = records(listed.stdout)
    .map((record) => /^(\d+) blob ([0-9a-f]+) +(\d+)\t(.*)$/s.exec(record.toString('utf8')))
    .find((match) => match?.[4] === path);
  const [, , blob, size] = found ?? [];
  if (blob === undefined) throw new CodedError('git_failed', `The commit has no file "${path}"`);
  const kept: Buffer[] = [];
  let at = 0;
  const onData = (bytes: Buffer): boolean => {
    const from = Math.max(0, offset - at);
    const to = offset + RUNNER_PAGE_BYTES - at;
    if (from < bytes.byteLength) kept.push(bytes.subarray(from, to));
    at += bytes.byteLength;
    return at < offset + RUNNER_PAGE_BYTES;
  };
  await repository.run({ args: ['cat-file', 'blob', blob], signal, onData });
  const bytes = Buffer.concat(kept);
  const next = offset + bytes.byteLength;
  const total = Number(size);
  return { bytes: bytes.toString('base64'), total, ...(next < total ? { next } : {}) };
}

export async function gitBranches(
  repository: Repository,
  { offset = 0 }: MethodRequest<'git_branches'>,
  signal: AbortSignal,
): Promise<MethodReply<'git_branches'>> {
  const refs = ['refs/heads', 'refs/remotes'];
  const args = ['for-each-ref', `--format=${BRANCH_FORMAT}`, '--sort=-committerdate', ...refs];
  const [listed, current] = await Promise.all([
    repository.run({ args, signal }),
    repository.run({ args: ['symbolic-ref', '--quiet', '--short', 'HEAD'], signal, codes: [0, 1, 128] }),
  ]);
  const { items, next } = pageOf(parseBranches(listed.stdout), offset, GIT_PAGE);
  const name = current.stdout.toString('utf8').trim();
  return { current: name === '' ? null : name, branches: items, ...(next === undefined ? {} : { next }) };
}
