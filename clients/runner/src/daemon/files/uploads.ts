import { constants } from 'node:fs';
import {
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  unlink,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import {
  checker,
  CodedError,
  MAX_UPLOADS,
  newId,
  UPLOAD_ABANDONED_MS,
  type FileFacts,
  type MethodReply,
  type MethodRequest,
} from '@pizzapi/protocol';
import { SerialQueue } from '@pizzapi/process';
import Type, { type Static } from 'typebox';
import type { Bounds } from './bounds.js';
import { fromBuffer, joinPath, readPath, toBuffer, toText, type BytePath } from './bytePath.js';
import { isSame, withParent, type OpenPath } from './confinement.js';
import { withFileErrors } from './fileErrors.js';
import { factsOf } from './fileFacts.js';
import { checkReplaces, existing, keepRights, openTemporary, putInPlace, type Replaces } from './replacement.js';
import { uploadName } from './temporaryNames.js';

/** How often abandoned uploads are looked for, in ms. */
const SWEEP_MS = 60 * 60_000;
/** A file is closed when nothing came for its upload for so long, in ms. The next part opens it again. */
const IDLE_MS = 30_000;

/** What is kept of an upload on the disk, so that it continues after the runner was restarted. */
const UploadRecord = Type.Object({
  userId: Type.String(),
  /** The real path of the file, as base64 of its bytes. */
  path: Type.String(),
  size: Type.Number(),
  begun: Type.Number(),
  replaces: Type.Union([Type.Literal('anything'), Type.Literal('nothing'), Type.Object({ version: Type.String() })]),
});
type UploadRecord = Static<typeof UploadRecord>;
const isRecord = checker(UploadRecord);

interface Upload {
  readonly id: string;
  readonly record: UploadRecord;
  readonly path: BytePath;
  readonly parts: SerialQueue;
  handle: FileHandle | undefined;
  timer: NodeJS.Timeout | undefined;
}

export interface UploadsDeps {
  /** The folder of the records. */
  folder: string;
  /** Where the files of the owner of this runner may lie. */
  bounds: Bounds;
  now?: () => number;
}

/**
 * Uploads of files. The parts go to a file beside the place of the file, which is put there when all of it has arrived. What has arrived
 * is the size of that file, so that an upload continues after a gateway, the runner or the machine was away.
 */
export class Uploads {
  private readonly open = new Map<string, Upload>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly deps: UploadsDeps) {}

  /** Removes what was abandoned, now and from time to time. */
  async start(): Promise<void> {
    await this.sweep();
    this.timer = setInterval(() => void this.sweep().catch(() => undefined), SWEEP_MS);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all([...this.open.values()].map((upload) => this.close(upload)));
    this.open.clear();
  }

  async begin(
    bounds: Bounds,
    request: MethodRequest<'upload_begin'>,
    userId: string,
  ): Promise<MethodReply<'upload_begin'>> {
    const { size, ifVersion, overwrite = false } = request;
    const path = readPath(request.path);
    const replaces: Replaces = ifVersion !== undefined ? { version: ifVersion } : overwrite ? 'anything' : 'nothing';
    const before = await existing(bounds, path);
    checkReplaces(replaces, before, path);
    const { folder } = this.deps;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await readdir(folder)).length >= MAX_UPLOADS)
      throw new CodedError('rpc_busy', `The host takes ${MAX_UPLOADS} uploads at once`);
    const id = newId('upload');
    return withParent(bounds, before?.real ?? path, async (parent, name) => {
      const real = joinPath(parent.real, name);
      const record = { userId, path: toBuffer(real).toString('base64'), size, begun: this.now(), replaces };
      await writeRecord(folder, id, record);
      try {
        const handle = await openTemporary(parent, uploadName(id));
        this.open.set(id, { id, record, path: real, parts: new SerialQueue(), handle, timer: undefined });
      } catch (error) {
        await rm(join(folder, id), { force: true });
        throw error;
      }
      return { uploadId: id, received: 0, path: toText(real) };
    });
  }

  async write(request: MethodRequest<'upload_write'>, userId: string): Promise<MethodReply<'upload_write'>> {
    const upload = await this.find(request.uploadId, userId);
    const bytes = Buffer.from(request.content, 'base64');
    return this.inTurn(upload, async (handle) => {
      const received = Number((await handle.stat()).size);
      // A part that leaves a gap was sent before the one that is missing. The caller sends from `received` on.
      if (request.offset > received) return { received };
      if (request.offset + bytes.length > upload.record.size)
        throw new CodedError('body_too_large', `The upload has ${upload.record.size} bytes`);
      const fresh = bytes.subarray(received - request.offset);
      let at = 0;
      while (at < fresh.length) at += (await handle.write(fresh, at, fresh.length - at, received + at)).bytesWritten;
      return { received: received + fresh.length };
    });
  }

  async state(uploadId: string, userId: string): Promise<MethodReply<'upload_state'>> {
    const upload = await this.find(uploadId, userId);
    const { size } = upload.record;
    return this.inTurn(upload, async (handle) => ({
      received: Number((await handle.stat()).size),
      ...{ size, path: toText(upload.path) },
    }));
  }

  /** Puts the file in its place. After a refusal the upload stays, and can be finished once the reason is gone. */
  async finish(uploadId: string, userId: string): Promise<FileFacts> {
    const upload = await this.find(uploadId, userId);
    const facts = await this.inTurn(upload, async (handle) => {
      const own = await handle.stat({ bigint: true });
      if (Number(own.size) !== upload.record.size)
        throw new CodedError('command_invalid', `${own.size} of ${upload.record.size} bytes have arrived`);
      await handle.datasync();
      return withParent(this.deps.bounds, upload.path, async (folder, name) => {
        const temporary = uploadName(uploadId);
        if (!isSame(await lstat(folder.at(temporary), { bigint: true }), own))
          throw new CodedError('upload_unknown', 'The folder of the upload was replaced');
        const { replaces } = upload.record;
        const before = await existing(this.deps.bounds, upload.path);
        if (before !== undefined && replaces !== 'nothing') await keepRights(handle, before.stats);
        const { real, stats } = await putInPlace(folder, temporary, name, replaces);
        return factsOf(real, stats);
      });
    });
    await this.forget(upload);
    return facts;
  }

  async cancel(uploadId: string, userId: string): Promise<void> {
    await this.remove(await this.find(uploadId, userId));
  }

  /** Removes uploads for which nothing came for long. */
  private async sweep(): Promise<void> {
    for (const id of await readdir(this.deps.folder).catch(() => [])) {
      const record = await readRecord(this.deps.folder, id);
      if (record === undefined) {
        await rm(join(this.deps.folder, id), { force: true });
        continue;
      }
      const upload = this.open.get(id) ?? this.keep(id, record);
      const last = await this.lastPart(upload);
      if (this.now() - last > UPLOAD_ABANDONED_MS) await this.remove(upload);
    }
  }

  private async lastPart({ id, path, record }: Upload): Promise<number> {
    try {
      const stats = await withParent(this.deps.bounds, path, (folder) => lstat(folder.at(uploadName(id))));
      return Math.max(stats.mtimeMs, record.begun);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      return record.begun;
    }
  }

  private async find(id: string, userId: string): Promise<Upload> {
    const found = this.open.get(id);
    const record = found?.record ?? (await readRecord(this.deps.folder, id));
    if (record === undefined || record.userId !== userId) throw new CodedError('upload_unknown');
    return found ?? this.open.get(id) ?? this.keep(id, record);
  }

  private keep(id: string, record: UploadRecord): Upload {
    const path = fromBuffer(Buffer.from(record.path, 'base64'));
    const upload = { id, record, path, parts: new SerialQueue(), handle: undefined, timer: undefined };
    this.open.set(id, upload);
    return upload;
  }

  /** Parts are written in the order in which they arrive. */
  private inTurn<T>(upload: Upload, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    return upload.parts.run(() =>
      withFileErrors(toText(upload.path), async () => {
        clearTimeout(upload.timer);
        try {
          return await work((upload.handle ??= await this.reopen(upload)));
        } finally {
          upload.timer = setTimeout(() => void upload.parts.run(() => this.close(upload)), IDLE_MS);
          upload.timer.unref();
        }
      }),
    );
  }

  private async reopen(upload: Upload): Promise<FileHandle> {
    const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
    const openPart = async (folder: OpenPath): Promise<FileHandle> => {
      const handle = await open(folder.at(uploadName(upload.id)), O_RDWR | O_NOFOLLOW | O_NONBLOCK);
      if ((await handle.stat()).isFile()) return handle;
      await handle.close();
      throw new CodedError('upload_unknown');
    };
    try {
      return await withParent(this.deps.bounds, upload.path, openPart);
    } catch (error) {
      if (error instanceof CodedError && error.code === 'file_not_found') {
        await this.forget(upload);
        throw new CodedError('upload_unknown', 'The file of the upload was removed');
      }
      throw error;
    }
  }

  private async remove(upload: Upload): Promise<void> {
    await upload.parts.run(async () => {
      await withParent(this.deps.bounds, upload.path, (folder) => unlink(folder.at(uploadName(upload.id)))).catch(
        (error: unknown) => {
          if (!(error instanceof CodedError)) throw error;
        },
      );
    });
    await this.forget(upload);
  }

  private async forget(upload: Upload): Promise<void> {
    await this.close(upload);
    this.open.delete(upload.id);
    await rm(join(this.deps.folder, upload.id), { force: true });
  }

  private async close(upload: Upload): Promise<void> {
    clearTimeout(upload.timer);
    const { handle } = upload;
    upload.handle = undefined;
    await handle?.close();
  }

  private now(): number {
    return this.deps.now?.() ?? Date.now();
  }
}

async function writeRecord(folder: string, id: string, record: UploadRecord): Promise<void> {
  const path = join(folder, id);
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function readRecord(folder: string, id: string): Promise<UploadRecord | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, id), 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
