import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readlink, realpath, rename, rm, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CodedError, type MethodRequest } from '@pizzapi/protocol';
import { contentOf } from './gitReads.js';
import { hunksOf, undoHunk } from './patch.js';
import type { DiffEntry } from './porcelain.js';
import { placeOf, readWorkFile, type WorkFile } from './repository.js';
import { entryOf, patchArgs, type SessionChanges } from './sessionChanges.js';
import type { KeptStates, SessionStateRecorder } from './sessionStates.js';

const SYMLINK = '120000';
const EXECUTABLE = '100755';
const GITLINK = '160000';

/**
 * Gives a file of a session, or one hunk of it, its content from before. Nothing is written when the file has another
 * content than the caller has seen.
 */
export async function undoChange(
  states: SessionStateRecorder,
  changes: SessionChanges,
  { sessionId, turn, path, was, now, hunk, context = 3 }: MethodRequest<'session_undo'>,
): Promise<{ now: string | null }> {
  const kept = await states.find(sessionId);
  if (kept === undefined)
    throw new CodedError('git_no_repository', 'The states of the files of this session were not recorded');
  await placeOf(kept.top, path);
  const span = await changes.spanOf(sessionId, kept, turn);
  const entry = await entryOf(kept, span, path);
  if (entry === undefined || contentOf(entry.was) !== was || contentOf(entry.now) !== now)
    throw new CodedError('git_changed', `The change of "${path}" is another one by now`);
  if (entry.was.mode === GITLINK || entry.now.mode === GITLINK)
    throw new CodedError('forbidden', `"${path}" is another repository`);
  return states.exclusively(sessionId, async () => {
    const { content, oid } =
      hunk === undefined
        ? { content: was === null ? null : await contentFor(kept, path, entry), oid: was }
        : await withoutHunk(kept, path, entry, hunk, () => patchOf(kept, span, path, context));
    await replaceFile(kept.top, path, {
      content,
      mode: hunk === undefined ? entry.was.mode : entry.now.mode,
      // At the last moment: the agent may work.
      check: async () => {
        if ((await currentId(kept, path)) !== now) throw new CodedError('git_changed', `"${path}" has another content`);
      },
    });
    return { now: oid };
  });
}

async function patchOf(kept: KeptStates, span: { was: string; now: string }, path: string, context: number) {
  return (await kept.store.run({ args: patchArgs(span, path, context) })).stdout;
}

/** The content from before, as it is in the work tree. A symlink has the path that it points to. */
const contentFor = (kept: KeptStates, path: string, { was }: DiffEntry): Promise<Buffer> =>
  was.mode === SYMLINK ? kept.store.blob(was.oid) : kept.store.workContent(path, was.oid);

async function withoutHunk(
  kept: KeptStates,
  path: string,
  { was, now, binary }: DiffEntry,
  header: string,
  patch: () => Promise<Buffer>,
): Promise<{ content: Buffer; oid: string }> {
  if (binary === true || [was.mode, now.mode].some((mode) => mode === SYMLINK || /^0+$/.test(mode)))
    throw new CodedError('bad_request', `"${path}" can only be undone as a whole`);
  const hunk = hunksOf(await patch()).find((known) => known.header === header);
  if (hunk === undefined) throw new CodedError('git_changed', `The change of "${path}" has no such part`);
  const [before, after] = await Promise.all([kept.store.blob(was.oid), kept.store.blob(now.oid)]);
  const oid = await kept.store.blobId(path, undoHunk(before, after, hunk), true);
  return { content: await kept.store.workContent(path, oid), oid };
}

/** The content of a file now, as the store would keep it. */
async function currentId({ top, store }: KeptStates, path: string): Promise<string | null> {
  const file: WorkFile = await readWorkFile(top, path);
  if (file === null) return null;
  return file.kind === 'symlink' ? store.linkId(file.content) : store.blobId(path, file.content);
}

interface NewContent {
  /** Null: the file is deleted. */
  content: Buffer | null;
  mode: string;
  check: () => Promise<void>;
}

/** Replaces a file as a whole, within the folder that was checked. */
async function replaceFile(top: string, path: string, { content, mode, check }: NewContent): Promise<void> {
  const place = await placeOf(top, path);
  if (content !== null) await mkdir(dirname(place), { recursive: true });
  const folder = await open(dirname(place), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const held = await heldFolder(folder.fd, dirname(place));
    const target = join(held, basename(place));
    const draft = join(held, `.pizzapi-${randomUUID()}`);
    try {
      if (content !== null && mode === SYMLINK) await symlink(content, draft);
      else if (content !== null) await writeDraft(draft, content, await permissions(target, mode === EXECUTABLE));
      await check();
      if (content === null) await unlink(target);
      else await rename(draft, target);
    } finally {
      await rm(draft, { force: true });
    }
  } finally {
    await folder.close();
  }
}

async function writeDraft(path: string, content: Buffer, mode: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.chmod(mode);
  } finally {
    await file.close();
  }
}

/** The permissions of the file that is replaced; of a new file, those that the process gives. */
async function permissions(path: string, isExecutable: boolean): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  const known = found?.isFile() === true ? found.mode & 0o777 : 0o666 & ~process.umask();
  const readers = (known & 0o444) >> 2;
  return isExecutable ? known | readers : known & ~0o111;
}

/** The folder that was opened, whatever its path leads to later. Where the system has no such name, the path itself. */
async function heldFolder(fd: number, path: string): Promise<string> {
  const name = `/proc/self/fd/${fd}`;
  const opened = await readlink(name).catch(() => undefined);
  const real = opened ?? (await realpath(path));
  if (real !== path) throw new CodedError('forbidden', `"${path}" leads elsewhere`);
  return opened === undefined ? path : name;
}
