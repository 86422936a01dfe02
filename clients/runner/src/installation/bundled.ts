import type { PiHost } from './host.js';
import type { PiInstallation } from './types.js';

/** The version of the bundled pi. A test compares it with the package itself. */
export const BUNDLED_PI_VERSION = '0.73.1';

/** Returns the pi that is part of this product. The Node of this process runs it. */
export function bundledPi({ node }: Pick<PiHost, 'node'>): PiInstallation {
  return {
    source: 'bundled',
    packageName: '@mariozechner/pi-coding-agent',
    version: BUNDLED_PI_VERSION,
    root: null,
    node,
    isTested: true,
  };
}
