import { formatBytes } from './byteSizes.js';
import type { StorageUseInfo } from './http.js';

/** The share of a limit from which on people are warned. */
export const STORAGE_WARNING = 0.8;

const HOLDERS: Readonly<Record<StorageUseInfo['of'], string>> = {
  account: 'The account holds',
  session: 'This session holds',
  link: 'The files stored through this link use',
  log_of_relay: 'The logs of this gateway use',
  files_of_relay: 'The files of this gateway use',
};

/** Returns `This session holds 1.7 GiB of at most 2 GiB`, without a full stop. */
export function describeUse({ of, used, limit }: StorageUseInfo): string {
  return `${HOLDERS[of]} ${formatBytes(used)}${limit > 0 ? ` of at most ${formatBytes(limit)}` : ''}`;
}

/** Returns the used share of a limit, from 0 on; 0 when there is no limit. */
export const shareUsed = ({ used, limit }: StorageUseInfo): number => (limit > 0 ? used / limit : 0);

/** Returns the use of the limit that is nearest, when it is above `STORAGE_WARNING`. */
export function storageWarning(uses: readonly StorageUseInfo[]): StorageUseInfo | undefined {
  const [nearest] = [...uses].sort((a, b) => shareUsed(b) - shareUsed(a));
  return nearest !== undefined && shareUsed(nearest) >= STORAGE_WARNING ? nearest : undefined;
}
