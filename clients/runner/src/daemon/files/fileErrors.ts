import { CodedError, type ErrorCode } from '@pizzapi/protocol';

/** What an error of the operating system is called. */
const BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'file_not_found',
  ENOTDIR: 'file_not_found',
  EEXIST: 'file_exists',
  EACCES: 'file_denied',
  EPERM: 'file_denied',
  EROFS: 'file_denied',
  EBUSY: 'file_denied',
  ETXTBSY: 'file_denied',
  ENOTEMPTY: 'folder_not_empty',
  EISDIR: 'not_a_file',
  ENXIO: 'not_a_file',
  ELOOP: 'path_outside',
  ENAMETOOLONG: 'path_invalid',
  EILSEQ: 'path_invalid',
  EINVAL: 'path_invalid',
  ENOSPC: 'host_disk_full',
  EDQUOT: 'host_disk_full',
  EFBIG: 'host_disk_full',
  EXDEV: 'other_disk',
  EMFILE: 'rpc_busy',
  ENFILE: 'rpc_busy',
};

/** The code of an error of the operating system, such as `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Returns an error of the operating system as one of ours, which names the path that was asked for and no other. */
export function fileError(error: unknown, path: string): unknown {
  if (error instanceof CodedError) return error;
  const code = BY_ERRNO[errnoOf(error) ?? ''];
  return code === undefined ? error : new CodedError(code, `${path}: ${errnoOf(error) ?? ''}`);
}

/** Runs work on a file. Errors of the operating system are thrown as ours. */
export async function withFileErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path);
  }
}
