import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMap } from '@pizzapi/protocol';
import { isTestedVersion } from '../../installation/piVersions.js';
import { PI_PACKAGES, type PiInstallation } from '../../installation/types.js';

/** The version of a pi that is no package, such as a standalone binary. */
const UNKNOWN = 'unknown';

/** The pi that runs `program`, which is this process. */
export function runningPi(program: string | undefined = process.argv[1]): PiInstallation {
  const found = packageOf(program ?? '');
  const { packageName, version, root } = found ?? { packageName: PI_PACKAGES[0], version: UNKNOWN, root: null };
  const node = { path: process.execPath, version: process.versions.node };
  return { source: 'path', packageName, version, root, node, isTested: isTestedVersion(version) };
}

type Package = Pick<PiInstallation, 'packageName' | 'version' | 'root'>;

function packageOf(program: string): Package | undefined {
  try {
    for (let folder = dirname(realpathSync(program)); dirname(folder) !== folder; folder = dirname(folder)) {
      const found = packageIn(folder);
      if (found !== undefined) return found;
    }
  } catch {
    // A program without a file.
  }
  return undefined;
}

function packageIn(folder: string): Package | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { name, version } = isMap(manifest) ? manifest : {};
    const packageName = PI_PACKAGES.find((known) => known === name);
    return packageName === undefined || typeof version !== 'string'
      ? undefined
      : { packageName, version, root: folder };
  } catch {
    return undefined;
  }
}
