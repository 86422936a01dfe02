import { link, lstat, mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import { CodedError, type FileFacts, type MethodReply, type MethodRequest } from '@pizzapi/protocol';
import type { Bounds } from './bounds.js';
import { joinPath, nameOf, parentOf, readPath, toBuffer, toText, type BytePath } from './bytePath.js';
import { isSame, openChild, openParent, openWithin, withParent, withPath, type OpenPath } from './confinement.js';
import { errnoOf, withFileErrors } from './fileErrors.js';
import { factsOf, versionOf } from './fileFacts.js';
import { changed } from './reading.js';
import { removeTree } from './removeTree.js';
import { checkReplaces, existing, keepRights, openTemporary, putInPlace, type Replaces } from './replacement.js';
import { removedName, saveName } from './temporaryNames.js';
import type { Trash } from './trash.js';

/** Folders that one request makes at most. */
const MAX_PARENTS = 2_000;

/** Replaces the content of a file in one step, or makes the file. A hard link keeps the old content under its other names. */
export async function writeFileWithin(bounds: Bounds, request: MethodRequest<'write_file'>): Promise<FileFacts> {
  const { ifVersion, content } = request;
  const path = readPath(request.path);
  const replaces: Replaces = ifVersion === undefined ? 'anything' : { version: ifVersion };
  const before = await existing(bounds, path);
  checkReplaces(replaces, before, path);
  const bytes = Buffer.from(content, 'base64');
  return withParent(bounds, before?.real ?? path, (folder, name) =>
    save(folder, name, bytes, { replaces, keep: before?.stats }),
  );
}

/** Makes a file. Throws `file_exists` when there is something of this name, also a link that leads nowhere. */
export async function createFileWithin(bounds: Bounds, request: MethodRequest<'create_file'>): Promise<FileFacts> {
  const bytes = Buffer.from(request.content ?? '', 'base64');
  return withParent(bounds, readPath(request.path), (folder, name) =>
    save(folder, name, bytes, { replaces: 'nothing', keep: undefined }),
  );
}

async function save(
  folder: OpenPath,
  name: BytePath,
  bytes: Buffer,
  { replaces, keep }: { replaces: Replaces; keep: Parameters<typeof keepRights>[1] | undefined },
): Promise<FileFacts> {
  const temporary = saveName();
  const handle = await openTemporary(folder, temporary);
  try {
    try {
      await handle.writeFile(bytes);
      if (keep !== undefined) await keepRights(handle, keep);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    const { real, stats } = await putInPlace(folder, temporary, name, replaces);
    return factsOf(real, stats);
  } catch (error) {
    await unlink(folder.at(temporary)).catch(() => undefined);
    throw error;
  }
}

/** Makes a folder. With `parents` also those above it, and what exists already is no error. */
export async function makeFolderWithin(
  bounds: Bounds,
  { path: asked, parents = false }: MethodRequest<'make_folder'>,
): Promise<FileFacts> {
  const path = bounds.locate(readPath(asked));
  const missing = [nameOf(path)];
  let above = parentOf(path);
  for (; parents && above !== '/' && (await isMissing(above)); above = parentOf(above)) missing.unshift(nameOf(above));
  if (missing.length > MAX_PARENTS) throw new CodedError('path_invalid', 'The folders are nested too deep');
  let folder = await openWithin(bounds, above, 'folder');
  try {
    return await withFileErrors(toText(path), async () => {
      for (const name of missing) {
        await folder.confirm();
        await mkdir(folder.at(name)).catch((error: unknown) => {
          if (!parents || errnoOf(error) !== 'EEXIST') throw error;
        });
        const child = await openChild(bounds, folder, name);
        await folder.close();
        folder = child;
      }
      return factsOf(folder.real, folder.stats);
    });
  } finally {
    await folder.close();
  }
}

/** Whether a path leads nowhere. Where it leads is checked when it is opened. */
const isMissing = (path: BytePath): Promise<boolean> =>
  lstat(toBuffer(path)).then(
    () => false,
    (error: unknown) => errnoOf(error) === 'ENOENT',
  );

/** Moves a name to another place. Never over what exists there. A link is moved, and not what it leads to. */
export async function moveWithin(
  bounds: Bounds,
  request: MethodRequest<'move_file'>,
): Promise<MethodReply<'move_file'>> {
  const from = readPath(request.path);
  const to = readPath(request.to);
  return withParent(bounds, from, async (folder, name) => {
    requireMovable(bounds, joinPath(folder.real, name));
    await requireVersion(bounds, folder, name, request.ifVersion);
    const target = await openParent(bounds, to);
    try {
      await withFileErrors(toText(to), () => moveName(folder, name, target.folder, target.name));
      return { path: toText(joinPath(target.folder.real, target.name)) };
    } finally {
      await target.folder.close();
    }
  });
}

async function moveName(from: OpenPath, name: BytePath, to: OpenPath, newName: BytePath): Promise<void> {
  const [old, there] = await Promise.all([
    lstat(from.at(name), { bigint: true }),
    lstat(to.at(newName), { bigint: true }).catch(() => undefined),
  ]);
  // On a volume that ignores case the new name can be the old one in other letters.
  const isRenamed = there !== undefined && isSame(old, there) && isSame(from.stats, to.stats) && old.nlink === 1n;
  if (there !== undefined && !isRenamed) throw new CodedError('file_exists', toText(newName));
  if (isRenamed || old.isDirectory()) return rename(from.at(name), to.at(newName));
  try {
    // A link is refused where something has appeared meanwhile; a renaming would replace it.
    await link(from.at(name), to.at(newName));
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(errnoOf(error) ?? '')) throw error;
    return rename(from.at(name), to.at(newName));
  }
  await unlink(from.at(name));
}

/** Moves a name to the trash, or removes it on a host without one. A link is removed, and not what it leads to. */
export async function deleteWithin(
  bounds: Bounds,
  request: MethodRequest<'delete_file'>,
  trash: Trash,
): Promise<MethodReply<'delete_file'>> {
  const { recursive = false, permanently = false, ifVersion } = request;
  return withParent(bounds, readPath(request.path), async (folder, name) => {
    requireMovable(bounds, joinPath(folder.real, name));
    await requireVersion(bounds, folder, name, ifVersion);
    const stats = await lstat(folder.at(name));
    if (!permanently && (await trash.exists())) {
      await trash.take(folder, name);
      return { trashed: true };
    }
    if (!stats.isDirectory()) await unlink(folder.at(name));
    else if (!recursive) await rmdir(folder.at(name));
    else {
      // At once out of the way: what is left after a failure is not half a folder under its name.
      const aside = removedName();
      await rename(folder.at(name), folder.at(aside));
      await removeTree(folder.at(aside));
    }
    return { trashed: false };
  });
}

/** Refuses a root, and a folder that something closed lies in. */
function requireMovable(bounds: Bounds, real: BytePath): void {
  if (bounds.isRoot(real) || bounds.holdsClosed(real)) throw new CodedError('path_outside', toText(real));
}

async function requireVersion(
  bounds: Bounds,
  folder: OpenPath,
  name: BytePath,
  asked: string | undefined,
): Promise<void> {
  if (asked === undefined) return;
  const real = joinPath(folder.real, name);
  const stats = await lstat(folder.at(name), { bigint: true }).catch(() => undefined);
  if (stats === undefined) throw changed(asked, null);
  // Of a link the version is that of the file that it leads to, as everywhere.
  const current = stats.isSymbolicLink() ? await withPath(bounds, real, 'any', async (opened) => opened.stats) : stats;
  if (versionOf(current) !== asked) throw changed(asked, factsOf(real, current));
}
