import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMap } from '@pizzapi/protocol';
import { PI_PACKAGES, type LoadedPi } from '../../installation/types.js';

/** The pi that runs `program`. Its version is `unknown` for one that is no package, such as a standalone binary. */
export function plainPi(program: string | undefined = process.argv[1]): LoadedPi {
  const node = process.versions.node;
  try {
    for (let folder = dirname(realpathSync(program ?? '')); dirname(folder) !== folder; folder = dirname(folder)) {
      const found = packageIn(folder);
      if (found !== undefined) return { ...found, root: folder, node };
    }
  } catch {
    // A program without a file.
  }
  return { packageName: PI_PACKAGES[0], version: 'unknown', root: null, node };
}

function packageIn(folder: string): Pick<LoadedPi, 'packageName' | 'version'> | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (!isMap(manifest)) return undefined;
    const { name, version } = manifest;
    const packageName = PI_PACKAGES.find((known) => known === name);
    return packageName === undefined || typeof version !== 'string' ? undefined : { packageName, version };
  } catch {
    return undefined;
  }
}
