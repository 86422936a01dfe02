import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { bytePath, joinPath, nameOf, toBuffer, type BytePath } from './bytePath.js';
import type { OpenPath } from './confinement.js';
import { errnoOf } from './fileErrors.js';

/** Files of one name that the trash holds at most before a name is given up. */
const MAX_SAME_NAMES = 1_000;

export interface TrashDeps {
  env: NodeJS.ProcessEnv;
  platform?: NodeJS.Platform;
  home?: string;
  now?: () => Date;
}

/**
 * The trash of the desktop of this account: that of freedesktop.org, or `~/.Trash` of macOS. A machine without a desktop
 * has none.
 */
export class Trash {
  constructor(private readonly deps: TrashDeps) {}

  private get home(): string {
    return this.deps.home ?? homedir();
  }

  private get isMac(): boolean {
    return (this.deps.platform ?? process.platform) === 'darwin';
  }

  private get folder(): string {
    if (this.isMac) return join(this.home, '.Trash');
    const { XDG_DATA_HOME: data } = this.deps.env;
    return join(data !== undefined && data.startsWith('/') ? data : join(this.home, '.local', 'share'), 'Trash');
  }

  /** True when there is a trash, or a desktop that has not needed one yet. */
  async exists(): Promise<boolean> {
    const { env } = this.deps;
    if ((env['XDG_CURRENT_DESKTOP'] ?? env['XDG_SESSION_DESKTOP'] ?? '') !== '') return true;
    return lstat(this.folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
  }

  /** Moves a name of a folder there. Throws `other_disk` when the trash is on another disk than the file. */
  async take(folder: OpenPath, name: BytePath): Promise<void> {
    const files = this.isMac ? this.folder : join(this.folder, 'files');
    await mkdir(files, { recursive: true, mode: 0o700 });
    try {
      if (this.isMac) await this.place(folder, name, files);
      else await this.placeWithNote(folder, name, files);
    } catch (error) {
      if (errnoOf(error) !== 'EXDEV') throw error;
      throw new CodedError('other_disk', 'The trash is on another disk: delete it permanently');
    }
  }

  private async place(folder: OpenPath, name: BytePath, files: string): Promise<void> {
    for (const free of freeNames(name)) {
      const target = inFolder(files, free);
      if ((await lstat(target).catch(() => undefined)) === undefined) return rename(folder.at(name), target);
    }
    throw new CodedError('file_exists', 'The trash is full of files of this name');
  }

  /** The note says where the file was. It is written first, because it reserves the name. */
  private async placeWithNote(folder: OpenPath, name: BytePath, files: string): Promise<void> {
    const notes = join(this.folder, 'info');
    await mkdir(notes, { recursive: true, mode: 0o700 });
    for (const free of freeNames(name)) {
      const note = inFolder(notes, bytePath(`${free}.trashinfo`));
      const handle = await open(note, 'wx', 0o600).catch((error: unknown) => {
        if (errnoOf(error) === 'EEXIST') return undefined;
        throw error;
      });
      if (handle === undefined) continue;
      try {
        await handle.writeFile(trashNote(joinPath(folder.real, name), this.deps.now?.() ?? new Date()));
        await handle.close();
        return await rename(folder.at(name), inFolder(files, free));
      } catch (error) {
        await rm(note, { force: true });
        throw error;
      }
    }
    throw new CodedError('file_exists', 'The trash is full of files of this name');
  }
}

const inFolder = (folder: string, name: BytePath): Buffer =>
  Buffer.concat([Buffer.from(`${folder}/`), toBuffer(nameOf(name))]);

function* freeNames(name: BytePath): Generator<BytePath> {
  // With its number and `.trashinfo` it must stay a name.
  const short = bytePath(name.slice(0, 230));
  yield short;
  for (let number = 2; number <= MAX_SAME_NAMES; number++) yield bytePath(`${short}.${number}`);
}

/** The note of freedesktop.org: the path as a URL has it, and the local time. */
export function trashNote(path: BytePath, now: Date): string {
  const encoded = path.replace(
    /[^A-Za-z0-9/._~-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  return `[Trash Info]\nPath=${encoded}\nDeletionDate=${date}T${time}\n`;
}
