import type { LoadedPi } from '../installation/types.js';
import { PI_VERSION } from '../pi/index.js';

/** Returns the pi that this process has loaded. */
export function loadedPi(): LoadedPi {
  return { packageName: '@mariozechner/pi-coding-agent', version: PI_VERSION, root: null, node: process.versions.node };
}
