import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { SerialQueue, type Logger } from '@pizzapi/process';
import {
  CodedError,
  type MethodReply,
  type MethodRequest,
  type NewWorktree,
  type SessionWorktree,
} from '@pizzapi/protocol';
import type { GitProgram } from './gitProgram.js';
import { readStatus } from './gitReads.js';
import { gitCommit } from './gitWrites.js';
import { mergeBranch } from './mergeBranch.js';
import { Repository } from './repository.js';
import { WorktreeRecords, type WorktreeRecord } from './worktreeRecords.js';

export interface SessionWorktreesDeps {
  git: GitProgram | undefined;
  /** With the folder of the work trees itself. */
  roots: readonly string[];
  /** The folder of the host that has all work trees of sessions. */
  folder: string;
  /** A folder of the runner, for what it keeps of them. */
  records: string;
  /** Whether a session runs or sleeps here. */
  isHosted: (sid: string) => boolean;
  /** Throws when a request wants programs and the token of the runner does not allow them. */
  requirePrograms: (wanted: boolean | undefined) => void;
  log: Pick<Logger, 'warn'>;
}

/** What is asked for when a session gets a work tree. */
export interface WorktreeOrder {
  sid: string;
  /** A folder of the repository. */
  cwd: string;
  name: string | undefined;
  worktree: NewWorktree;
}

/** The work trees of sessions: made, listed, kept, merged and removed. One change at a time. */
export class SessionWorktrees {
  private readonly records: WorktreeRecords;
  private readonly queue = new SerialQueue();

  constructor(private readonly deps: SessionWorktreesDeps) {
    this.records = new WorktreeRecords(deps.records, deps.folder);
  }

  /** Makes the work tree of a new session. Returns the folder in which the session starts. */
  create(order: WorktreeOrder): Promise<string> {
    return this.queue.run(() => this.make(order));
  }

  /** Removes the work tree of a session that did not begin. It has nothing that is not in the repository. */
  async drop(sid: string): Promise<void> {
    const record = (await this.records.all()).find(({ sessionId }) => sessionId === sid);
    if (record === undefined) return;
    try {
      await this.remove({ worktreeId: record.worktreeId });
    } catch (error) {
      this.deps.log.warn({ sid, err: error }, 'work tree of a session that did not begin is kept');
    }
  }

  async list(sessionId?: string): Promise<SessionWorktree[]> {
    const records = (await this.records.all()).filter((one) => sessionId === undefined || one.sessionId === sessionId);
    return Promise.all(records.map((record) => this.describe(record)));
  }

  async keep({ worktreeId }: MethodRequest<'keep_worktree'>): Promise<void> {
    await this.queue.run(async () => this.records.save({ ...(await this.records.get(worktreeId)), kept: true }));
  }

  merge(request: MethodRequest<'merge_worktree'>, signal: AbortSignal): Promise<MethodReply<'merge_worktree'>> {
    return this.queue.run(() => this.mergeNow(request, signal));
  }

  remove(request: MethodRequest<'remove_worktree'>): Promise<void> {
    return this.queue.run(() => this.removeNow(request));
  }

  private get git(): GitProgram {
    if (this.deps.git === undefined) throw new CodedError('git_missing', 'This host has no git');
    return this.deps.git;
  }

  private async make({ sid, cwd, name, worktree }: WorktreeOrder): Promise<string> {
    const { roots, folder } = this.deps;
    this.deps.requirePrograms(worktree.programs);
    const repository = await Repository.find(this.git, cwd, roots);
    const inner = relative(repository.top, cwd);
    // A command that is carried out again after a crash finds what it has made.
    const known = (await this.records.all()).find(({ sessionId }) => sessionId === sid);
    if (known !== undefined && (await isFolder(known.path))) return startFolder(known.path, inner);
    const base = await repository.commitOrNull(worktree.base ?? 'HEAD');
    if (base === null)
      throw new CodedError('git_failed', `There is no commit "${worktree.base ?? 'HEAD'}" to begin at`);
    const end = randomBytes(4).toString('hex');
    const title = slugOf(name ?? '');
    const branch = worktree.branch ?? `pizzapi/${title === '' ? 'session' : title}-${end}`;
    await repository.run({ args: ['check-ref-format', '--branch', branch] });
    const worktreeId = [slugOf(basename(repository.top)) || 'repository', title, end]
      .filter((part) => part !== '')
      .join('-');
    const path = this.records.pathOf(worktreeId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const record: WorktreeRecord = {
      ...{ worktreeId, sessionId: sid, path, repository: repository.top, branch, base },
      baseBranch: await baseBranchOf(repository, worktree.base),
      createdAt: Date.now(),
      kept: false,
    };
    const args = ['worktree', 'add', '--quiet', '--no-track', '-b', branch, path, base];
    await repository.run({ args, mode: worktree.programs === true ? 'programs' : 'write' });
    await this.records.save(record);
    return startFolder(path, inner);
  }

  private async describe(record: WorktreeRecord): Promise<SessionWorktree> {
    const { kept: isKept, ...known } = record;
    const about = { ...known, kept: isKept, ended: !this.deps.isHosted(record.sessionId) };
    const nothing = { uncommitted: 0, ahead: 0, behind: 0, version: 'missing', missing: true as const };
    if (!(await isFolder(record.path))) return { ...about, ...nothing };
    try {
      const { repository, paths, version } = await this.stateOf(record);
      const against = record.baseBranch === null ? record.base : `refs/heads/${record.baseBranch}`;
      const { ahead, behind } = await countsOf(repository, against, `refs/heads/${record.branch}`);
      return { ...about, uncommitted: paths.length, ahead, behind, version };
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      return { ...about, ...nothing };
    }
  }

  /** What a removal would discard, and a name of exactly this state. */
  private async stateOf({ path, branch }: WorktreeRecord) {
    const repository = await Repository.find(this.git, path, this.deps.roots);
    const { files } = await readStatus(repository);
    const hash = createHash('sha256').update((await repository.commitOrNull(`refs/heads/${branch}`)) ?? '');
    for (const file of files) {
      const found = await lstat(join(repository.top, file.path), { bigint: true }).catch(() => undefined);
      hash.update(`\0${JSON.stringify(file)} ${found?.mtimeNs ?? ''} ${found?.size ?? ''}`);
    }
    const paths = files.map((file) => file.path);
    return { repository, paths, version: hash.digest('hex').slice(0, 32) };
  }

  private async mergeNow(
    { worktreeId, into, commit, remove = false }: MethodRequest<'merge_worktree'>,
    signal: AbortSignal,
  ): Promise<MethodReply<'merge_worktree'>> {
    const record = await this.records.get(worktreeId);
    const target = into ?? record.baseBranch;
    if (target === null) throw new CodedError('bad_request', 'Name the branch to merge into');
    if (remove) this.requireEnded(record);
    const { repository, paths } = await this.stateOf(record);
    if (paths.length > 0) {
      if (commit === undefined) throw unsaved({ uncommitted: paths.length, commits: 0 });
      await gitCommit(repository, { message: commit, all: true }, signal);
    }
    const request = { branch: record.branch, into: target };
    const outcome = await mergeBranch(this.git, repository, request, this.deps.roots);
    if (remove) await this.removeNow({ worktreeId });
    return { into: target, ...outcome, removed: remove };
  }

  private async removeNow({ worktreeId, discard }: MethodRequest<'remove_worktree'>): Promise<void> {
    const record = await this.records.get(worktreeId);
    this.requireEnded(record);
    const { path, branch, repository: from } = record;
    if (await isFolder(path)) {
      const { repository, paths, version } = await this.stateOf(record);
      const commits = await lostCommits(repository, branch);
      if (paths.length + commits > 0 && discard !== version)
        throw unsaved({ uncommitted: paths.length, commits, version, hasChanged: discard !== undefined });
    }
    const main = await Repository.find(this.git, from, this.deps.roots);
    // With `--force` git looks at no file of it: what there is to lose was looked at above.
    await main.run({ args: ['worktree', 'remove', '--force', '--force', path], mode: 'write', codes: [0, 128] });
    await main.run({ args: ['worktree', 'prune'], mode: 'write' });
    if (await isFolder(path)) throw new CodedError('git_failed', `${path} could not be removed`);
    await main.run({ args: ['branch', '--quiet', '-D', '--', branch], mode: 'write', codes: [0, 1] });
    await this.records.remove(worktreeId);
  }

  private requireEnded({ sessionId }: WorktreeRecord): void {
    if (this.deps.isHosted(sessionId)) throw new CodedError('worktree_in_use', 'The session has not ended');
  }
}

const isFolder = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined))?.isDirectory() === true;

/** The same folder within the work tree as the one that the person named, where the commit has it. */
async function startFolder(path: string, inner: string): Promise<string> {
  const folder = join(path, inner);
  const found = await stat(folder).catch(() => undefined);
  return found?.isDirectory() === true ? folder : path;
}

/** The branch that a merge goes to: the one that was named, or the one that is checked out. */
async function baseBranchOf(repository: Repository, base: string | undefined): Promise<string | null> {
  if (base !== undefined && base !== 'HEAD')
    return (await repository.commitOrNull(`refs/heads/${base}`)) === null ? null : base;
  const args = ['symbolic-ref', '--quiet', '--short', 'HEAD'];
  const name = (await repository.run({ args, codes: [0, 1] })).stdout.toString('utf8').trim();
  return name === '' ? null : name;
}

async function countsOf(repository: Repository, base: string, branch: string) {
  const args = ['rev-list', '--left-right', '--count', `${base}...${branch}`, '--'];
  const { code, stdout } = await repository.run({ args, codes: [0, 128] });
  const [behind = 0, ahead = 0] = code === 0 ? stdout.toString('utf8').trim().split('\t').map(Number) : [];
  return { ahead, behind };
}

/** The commits that no other branch has. */
async function lostCommits(repository: Repository, branch: string): Promise<number> {
  const ref = `refs/heads/${branch}`;
  if ((await repository.commitOrNull(ref)) === null) return 0;
  const others = ['--not', `--exclude=${branch}`, '--branches', '--remotes', '--tags'];
  return Number(await repository.text('rev-list', '--count', ref, ...others));
}

function unsaved(details: {
  uncommitted: number;
  commits: number;
  version?: string;
  hasChanged?: boolean;
}): CodedError {
  const { uncommitted, commits } = details;
  const what = [
    ...(uncommitted > 0 ? [`${uncommitted} ${uncommitted === 1 ? 'file is' : 'files are'} not committed`] : []),
    ...(commits > 0 ? [`${commits} ${commits === 1 ? 'commit is' : 'commits are'} not merged`] : []),
  ];
  const error = new CodedError('worktree_unsaved', what.join(', '));
  error.details = details;
  return error;
}

/** A short name of letters, digits and `-`. */
function slugOf(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 32)
    .replace(/-+$/, '');
}
