import { createHash } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { isInside } from '../roots.js';
import type { GitMode } from './gitEnvironment.js';
import type { GitCall, GitOutput, GitProgram } from './gitProgram.js';
import { readText } from './readText.js';
import { repositoryOutside, requireRepositoryInside } from './requireRepositoryInside.js';

/** Files that are read whole, for a check or an undo, in bytes. */
export const MAX_WHOLE_FILE_BYTES = 32 * 1024 * 1024;
/** How many stores of objects a repository may borrow from, one after the other. */
const MAX_ALTERNATES = 20;

type Run = Omit<GitCall, 'cwd' | 'mode' | 'keys' | 'env'> & { mode?: GitMode; cwd?: string };

/** A repository with a work tree, all of which lies within the roots of the runner. */
export class Repository {
  private constructor(
    private readonly git: GitProgram,
    /** The top of the work tree, as a real path. */
    readonly top: string,
    readonly gitDir: string,
    /** Where refs and objects are: another folder when the work tree was added to a repository. */
    readonly commonDir: string,
    readonly format: 'sha1' | 'sha256',
    /** The configuration: every key with its value. */
    readonly config: readonly (readonly [string, string])[],
  ) {}

  /** Finds the repository of a folder. Throws `git_no_repository`, and `git_outside_roots` when a part of it is outside. */
  static async find(
    git: GitProgram,
    folder: string,
    roots: readonly string[],
    signal?: AbortSignal,
  ): Promise<Repository> {
    await requireRepositoryInside(folder, roots);
    const questions = ['--show-toplevel', '--absolute-git-dir', '--git-common-dir', '--show-object-format'];
    const asked = await git.run({
      args: ['rev-parse', ...questions],
      cwd: folder,
      mode: 'read',
      signal,
      codes: [0, 128],
    });
    const [topPath, gitPath, commonPath, format] = asked.stdout.toString('utf8').split('\n');
    if (asked.code !== 0 || topPath === undefined || gitPath === undefined || commonPath === undefined)
      throw noRepository(folder, asked.stderr);
    const [top, gitDir, commonDir] = await Promise.all(
      [topPath, gitPath, resolve(await realpath(folder), commonPath)].map((path) => realpath(path)),
    );
    if (top === undefined || gitDir === undefined || commonDir === undefined) throw noRepository(folder, '');
    const isOutside = [top, gitDir, commonDir].some((path) => !isInside(path, roots));
    if (isOutside || (await borrowsOutside(commonDir, roots))) throw repositoryOutside(folder);
    const place = { GIT_DIR: gitDir, GIT_WORK_TREE: top };
    const listed = await git.run({ args: ['config', '--list', '-z'], cwd: top, mode: 'read', signal, env: place });
    const hash = format?.trim() === 'sha256' ? 'sha256' : 'sha1';
    return new Repository(git, top, gitDir, commonDir, hash, configEntries(listed.stdout));
  }

  /** Runs git in the repository, at the top of its work tree. `read` unless the call says otherwise. */
  run({ mode = 'read', cwd = this.top, ...call }: Run): Promise<GitOutput> {
    return this.git.run({
      ...{ ...call, mode, cwd },
      keys: this.config.map(([key]) => key),
      env: { GIT_DIR: this.gitDir, GIT_WORK_TREE: this.top },
    });
  }

  /** The output of a call as text, without the newline at its end. */
  async text(...args: string[]): Promise<string> {
    return (await this.run({ args })).stdout.toString('utf8').replace(/\n$/, '');
  }

  /** The commit that a revision names. Throws `git_failed` when it names no commit. */
  async commit(rev: string, signal?: AbortSignal): Promise<string> {
    const found = await this.commitOrNull(rev, signal);
    if (found === null) throw new CodedError('git_failed', `There is no commit "${rev}"`);
    return found;
  }

  async commitOrNull(rev: string, signal?: AbortSignal): Promise<string | null> {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${rev}^{commit}`];
    const { code, stdout } = await this.run({ args, signal, codes: [0, 1, 128] });
    return code === 0 ? stdout.toString('utf8').trim() : null;
  }

  get emptyTree(): string {
    return createHash(this.format).update('tree 0\0').digest('hex');
  }

  /** The id that git gives to a content, without filters. */
  blobId(content: Buffer): string {
    return createHash(this.format).update(`blob ${content.byteLength}\0`).update(content).digest('hex');
  }
}

function noRepository(folder: string, stderr: string): CodedError {
  if (stderr.includes('dubious ownership'))
    return new CodedError('git_failed', `git does not trust the owner of ${folder}: see safe.directory of git-config`);
  if (stderr.includes('not a git repository') || stderr.includes('must be run in a work tree') || stderr === '')
    return new CodedError('git_no_repository', `${folder} is in no repository with a work tree`);
  return new CodedError('git_no_repository', stderr.split('\n')[0]);
}

/** Whether git would read objects from a folder outside of the roots: its own, or one that it borrows from. */
async function borrowsOutside(commonDir: string, roots: readonly string[]): Promise<boolean> {
  const found: string[] = [];
  const waiting = [join(commonDir, 'objects')];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const store = await realpath(next).catch(() => undefined);
    if (store === undefined || found.includes(store)) continue;
    if (!isInside(store, roots)) return true;
    found.push(store);
    if (found.length > MAX_ALTERNATES)
      throw new CodedError('git_failed', 'The repository borrows from too many others');
    for (const line of (await readText(join(store, 'info', 'alternates'))).split('\n')) {
      // A quoted name is read by git alone.
      if (line.startsWith('"'))
        throw new CodedError('git_outside_roots', 'The repository borrows from a quoted folder');
      if (line !== '' && !line.startsWith('#')) waiting.push(isAbsolute(line) ? line : join(store, line));
    }
  }
  return false;
}

/** The entries of `git config --list -z`: the key, a newline and the value, ended by NUL. */
export function configEntries(output: Buffer): [string, string][] {
  return output
    .toString('utf8')
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const end = entry.indexOf('\n');
      return end === -1 ? [entry, 'true'] : [entry.slice(0, end), entry.slice(end + 1)];
    });
}

/** A file of the work tree as it is now. Null: the file does not exist. */
export type WorkFile =
  { kind: 'file'; content: Buffer; mode: '100644' | '100755' } | { kind: 'symlink'; content: Buffer } | null;

/** The place of a path of the repository on the disk. Throws `forbidden` when it leads out of the work tree, or into `.git`. */
export async function placeOf(top: string, path: string): Promise<string> {
  const parts = path.split('/');
  const isBad = parts.some((part) => part === '' || part === '.' || part === '..' || part.toLowerCase() === '.git');
  if (isBad) throw new CodedError('forbidden', `"${path}" is no path of a file in the repository`);
  const place = join(top, path);
  // The last part may be a symlink: it is not followed.
  let parent = dirname(place);
  for (;;) {
    const real = await realpath(parent).catch(() => undefined);
    if (real !== undefined) {
      if (!isInside(real, [top]) || real !== parent)
        throw new CodedError('forbidden', `"${path}" leads through a symbolic link`);
      return place;
    }
    parent = dirname(parent);
  }
}

/** Reads a file of the work tree, without following a symlink and without waiting for a device. */
export async function readWorkFile(top: string, path: string): Promise<WorkFile> {
  const place = await placeOf(top, path);
  const found = await lstat(place, { bigint: true }).catch(() => undefined);
  if (found === undefined) return null;
  if (found.isSymbolicLink()) return { kind: 'symlink', content: await readlink(place, { encoding: 'buffer' }) };
  if (!found.isFile()) throw new CodedError('forbidden', `"${path}" is no file`);
  const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const opened = await file.stat({ bigint: true });
    if (!opened.isFile() || !isSame(opened, found)) throw new CodedError('git_changed', `"${path}" was replaced`);
    if (opened.size > BigInt(MAX_WHOLE_FILE_BYTES))
      throw new CodedError('body_too_large', `"${path}" has ${opened.size} bytes`);
    const content = await file.readFile();
    return { kind: 'file', content, mode: (opened.mode & 0o100n) === 0n ? '100644' : '100755' };
  } finally {
    await file.close();
  }
}

const isSame = (a: BigIntStats, b: BigIntStats): boolean => a.dev === b.dev && a.ino === b.ino;
