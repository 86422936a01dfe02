import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isMap, mapAt, stringAt } from '@pizzapi/protocol';
import type { PiInstallation } from './installation/types.js';

const BUNDLED = '@mariozechner/pi-coding-agent';

/** The folder of the compiled programs of this package, also for a program of another package. */
const programs = () => dirname(createRequire(import.meta.url).resolve('@pizzapi/runner/main'));

/** The compiled program of a worker with the bundled pi. */
export const workerProgram = (): string => join(programs(), 'workerMain.js');

/** The pi that is part of this product, on the Node of this process. Loads nothing of it. */
export function bundledPi(): PiInstallation {
  const manifest: unknown = JSON.parse(readFileSync(join(programs(), '..', '..', 'package.json'), 'utf8'));
  const version = isMap(manifest) ? stringAt(mapAt(manifest, 'dependencies') ?? {}, BUNDLED) : undefined;
  return {
    source: 'bundled',
    packageName: BUNDLED,
    version: version ?? '0',
    root: null,
    node: { path: process.execPath, version: process.versions.node },
    isTested: true,
  };
}
