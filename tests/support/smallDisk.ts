import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of a fixed size in memory. */
export interface SmallDisk {
  /** A folder on it. */
  root: string;
  /** Writes until nothing fits any more. */
  fill(): void;
  /** Removes what `fill` wrote. */
  empty(): void;
  /** Unmounts the disk. */
  remove(): void;
}

/** Whether this process may mount a disk: Linux, as root. */
export const canMount = process.platform === 'linux' && process.getuid?.() === 0;

export function mountSmallDisk(megabytes: number): SmallDisk {
  const point = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-disk-')));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', point]);
  const root = join(point, 'root');
  mkdirSync(root);
  const filler = join(point, 'filler');
  return {
    root,
    fill: () => {
      const file = openSync(filler, 'a');
      try {
        for (const size of [1024 ** 2, 4096]) while (fits(file, size));
      } finally {
        closeSync(file);
      }
    },
    empty: () => {
      const file = openSync(filler, 'a');
      ftruncateSync(file, 0);
      closeSync(file);
    },
    remove: () => {
      execFileSync('umount', ['-l', point]);
      rmSync(point, { recursive: true, force: true });
    },
  };

  function fits(file: number, size: number): boolean {
    try {
      return writeSync(file, Buffer.alloc(size)) === size && statfsSync(point).bavail > 0;
    } catch {
      return false;
    }
  }
}
