import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap } from '@pizzapi/protocol';
import { PI_PACKAGES, type LoadedPi, type PiPackage } from '../installation/types.js';
import { PI_VERSION } from '../pi/index.js';

/** The pi that this process runs on. `root`: the folder that it was loaded from; undefined for the bundled one. */
export function loadedPi(root: string | undefined): LoadedPi {
  return {
    packageName: root === undefined ? '@mariozechner/pi-coding-agent' : packageAt(root),
    version: PI_VERSION,
    root: root ?? null,
    node: process.versions.node,
  };
}

function packageAt(root: string): PiPackage {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const name = isMap(manifest) ? manifest['name'] : undefined;
  return PI_PACKAGES.find((known) => known === name) ?? PI_PACKAGES[0];
}
