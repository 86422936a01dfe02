import { constants } from 'node:fs';
import { access, copyFile, lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import type { GitCall, GitOutput, GitProgram } from './gitProgram.js';
import { records } from './porcelain.js';
import { readText } from './readText.js';
import type { Repository } from './repository.js';

/** Larger files are left out of a state: they are seldom text, and each change of one would be stored. */
const MAX_STATE_FILE_BYTES = 16 * 1024 * 1024;
/** Files that differ from the index, of one state. A folder with more of them is not followed. */
const MAX_STATE_FILES = 20_000;
/** The largest index that is taken over, in bytes. */
const MAX_INDEX_BYTES = 512 * 1024 * 1024;
/** How long one state may take, in ms. */
const STATE_MS = 30_000;

/** Settings of a repository that say how files are read and that name no program. */
const KEPT_SETTINGS = /^core\.(filemode|symlinks|ignorecase|precomposeunicode|excludesfile|protecthfs|protectntfs)$/;

/** Of all files. It wins over the attributes of the repository: an encoding that does not fit would fail a state. */
const ATTRIBUTES = '* !working-tree-encoding !ident !filter\n';

/** Where a state store is, and what it is about. */
export interface StatePlace {
  /** A folder of the runner. */
  folder: string;
  top: string;
}

/**
 * Keeps states of a work tree as trees of git, in a repository of its own below the home of the runner. It borrows the
 * objects of the person's repository and writes nothing there: no index, no ref, no object. The configuration of the
 * person's repository is not read, so that it can name no program.
 */
export class StateStore {
  constructor(
    private readonly git: GitProgram,
    private readonly place: StatePlace,
  ) {}

  private get gitDir(): string {
    return join(this.place.folder, 'git');
  }

  private get index(): string {
    return join(this.gitDir, 'index');
  }

  /** Makes the store for a repository. */
  async create(repository: Repository): Promise<void> {
    const { folder } = this.place;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const args = ['init', '--quiet', '--bare', '--template=', `--object-format=${repository.format}`, this.gitDir];
    await this.git.run({ args, cwd: folder, mode: 'read' });
    await mkdir(join(this.gitDir, 'info'), { recursive: true });
    await writeFile(join(this.gitDir, 'info', 'attributes'), ATTRIBUTES);
    await writeFile(join(this.gitDir, 'objects', 'info', 'alternates'), `${join(repository.commonDir, 'objects')}\n`);
    for (const [key, value] of repository.config)
      if (KEPT_SETTINGS.test(key)) await this.run({ args: ['config', key, value] });
    await this.run({ args: ['config', 'core.bare', 'false'] });
    await this.takeIndex(join(repository.gitDir, 'index'));
  }

  /** The times of unchanged files are in the index of the person: without a copy each file would be read. */
  private async takeIndex(from: string): Promise<void> {
    const found = await lstat(from).catch(() => undefined);
    if (found?.isFile() !== true || found.size > MAX_INDEX_BYTES) return;
    await copyFile(from, this.index, constants.COPYFILE_FICLONE).catch(() => undefined);
    const unmerged = await this.run({ args: ['ls-files', '-z', '--unmerged'], codes: [0, 1, 128] });
    // A part of it may lie in another file.
    if (unmerged.code !== 0) return rm(this.index, { force: true });
    // A file in conflict is taken as it is in the work tree.
    const names = records(unmerged.stdout).map((record) => record.subarray(record.indexOf(0x09) + 1));
    if (names.length > 0)
      await this.run({ args: ['update-index', '-z', '--force-remove', '--stdin'], stdin: ended(names) });
  }

  /** Keeps the state of the work tree now, and returns its tree. Throws when it has too many changed files. */
  async take(excludes: string): Promise<string> {
    const signal = AbortSignal.timeout(STATE_MS);
    await writeFile(join(this.gitDir, 'info', 'exclude'), await readText(excludes));
    const question = ['ls-files', '-z', '--modified', '--deleted', '--others', '--exclude-standard'];
    const listed = await this.run({ args: question, signal });
    const seen = new Set<string>();
    const names: Buffer[] = [];
    for (const name of records(listed.stdout)) {
      const key = name.toString('latin1');
      // A repository within this one ends in a slash.
      if (seen.has(key) || name.at(-1) === 0x2f) continue;
      seen.add(key);
      if (seen.size > MAX_STATE_FILES)
        throw new CodedError('git_failed', `More than ${MAX_STATE_FILES} files differ from the index`);
      if (await this.isTaken(name)) names.push(name);
    }
    if (names.length > 0) {
      const args = ['update-index', '-z', '--add', '--remove', '--replace', '--stdin'];
      await this.run({ args, stdin: ended(names), signal });
    }
    return (await this.run({ args: ['write-tree', '--missing-ok'], signal })).stdout.toString('utf8').trim();
  }

  private async isTaken(name: Buffer): Promise<boolean> {
    const path = Buffer.concat([Buffer.from(`${this.place.top}/`), name]);
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined || found.isSymbolicLink() || found.isDirectory()) return true;
    if (!found.isFile() || found.size > MAX_STATE_FILE_BYTES) return false;
    // One file that cannot be read would fail the whole state.
    return access(path, constants.R_OK).then(
      () => true,
      () => false,
    );
  }

  /** The id of a content as this store would keep it, with line ends as `.gitattributes` says. Writes it with `keep`. */
  async blobId(path: string, content: Buffer, keep = false): Promise<string> {
    const args = ['hash-object', ...(keep ? ['-w'] : []), '--stdin', `--path=${path}`];
    return (await this.run({ args, stdin: content })).stdout.toString('utf8').trim();
  }

  /** The id of a symlink, whose content is the path that it points to. */
  async linkId(target: Buffer): Promise<string> {
    return (await this.run({ args: ['hash-object', '--stdin'], stdin: target })).stdout.toString('utf8').trim();
  }

  /** The content of a blob as it is in the work tree. */
  async workContent(path: string, oid: string): Promise<Buffer> {
    return (await this.run({ args: ['cat-file', '--filters', `--path=${path}`, oid] })).stdout;
  }

  async blob(oid: string): Promise<Buffer> {
    return (await this.run({ args: ['cat-file', 'blob', oid] })).stdout;
  }

  run(call: Omit<GitCall, 'cwd' | 'mode' | 'env'>): Promise<GitOutput> {
    const env = {
      GIT_DIR: this.gitDir,
      GIT_WORK_TREE: this.place.top,
      GIT_INDEX_FILE: this.index,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
    };
    return this.git.run({ ...call, cwd: this.place.top, mode: 'read', env });
  }

  async remove(): Promise<void> {
    await rm(this.place.folder, { recursive: true, force: true });
  }
}

/** Names as git reads them with `-z`. */
const ended = (names: readonly Buffer[]): Buffer => Buffer.concat(names.flatMap((name) => [name, Buffer.from([0])]));
