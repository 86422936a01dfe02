import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMap } from '@pizzapi/protocol';

/** The packages that pi has been published as. */
const PACKAGES: readonly unknown[] = ['@earendil-works/pi-coding-agent', '@mariozechner/pi-coding-agent'];

/** The version of the pi that runs `program`; `unknown` for one that is no package, such as a standalone binary. */
export function piVersion(program: string | undefined = process.argv[1]): string {
  try {
    for (let folder = dirname(realpathSync(program ?? '')); dirname(folder) !== folder; folder = dirname(folder)) {
      const version = versionIn(folder);
      if (version !== undefined) return version;
    }
  } catch {
    // A program without a file.
  }
  return 'unknown';
}

function versionIn(folder: string): string | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (!isMap(manifest) || !PACKAGES.includes(manifest['name'])) return undefined;
    return typeof manifest['version'] === 'string' ? manifest['version'] : undefined;
  } catch {
    return undefined;
  }
}
