import { checkFolder, readBackupFolder, unpackStream, type BackupSource } from '@pizzapi/backbone';
import { CodedError, formatBytes } from '@pizzapi/protocol';
import { createReadStream, type Stats } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PIPE, type MaintenanceContext } from './request.js';

/** Opens a backup after every checksum was compared. One that comes through a pipe, or is one file, is unpacked before. */
export async function withBackup<T>(
  from: string,
  context: MaintenanceContext,
  work: (source: BackupSource) => Promise<T>,
): Promise<T> {
  const isFolder = from !== PIPE && (await statOf(from)).isDirectory();
  const folder = isFolder ? from : await mkdtemp(join(tmpdir(), 'pizzapi-restore-'));
  try {
    if (!isFolder) await unpackStream(from === PIPE ? context.stdin : createReadStream(from), folder);
    const source = await readBackupFolder(folder);
    await checkFolder(folder, source.manifest, (done, of) =>
      context.progress(`checked ${formatBytes(done)} of ${formatBytes(of)}`),
    );
    return await work(source);
  } finally {
    if (!isFolder) await rm(folder, { recursive: true, force: true });
  }
}

/** What a file is. Throws `file_not_found` for one that is not there. */
export async function statOf(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (cause) {
    throw new CodedError('file_not_found', `${path} does not exist`, { cause });
  }
}
