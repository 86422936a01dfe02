import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap } from '@pizzapi/protocol';
import { PI_PACKAGES, type LoadedPi, type PiPackage } from '../installation/types.js';
import { PI_ROOT } from '../processes.js';
import { VERSION } from '@mariozechner/pi-coding-agent';

/** The folder that the pi of this process was loaded from. Read at once: it is removed from the environment later. */
const root = process.env[PI_ROOT];

/** The pi that this process runs on. */
export function loadedPi(): LoadedPi {
  return {
    packageName: root === undefined ? '@mariozechner/pi-coding-agent' : packageAt(root),
    version: VERSION,
    root: root ?? null,
    node: process.versions.node,
  };
}

function packageAt(root: string): PiPackage {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const name = isMap(manifest) ? manifest['name'] : undefined;
  return PI_PACKAGES.find((known) => known === name) ?? PI_PACKAGES[0];
}
