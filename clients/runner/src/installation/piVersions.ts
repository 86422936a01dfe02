import { satisfies, valid } from 'semver';

/** The versions of pi that our tests cover. The only place that states them. */
const TESTED = { range: '0.73.x || 1.4.x || 1.5.x || 1.6.x', text: '0.73 and 1.4 to 1.6' } as const;

/** The versions of pi that the adapter cannot load: it uses functions that 0.73 introduced. */
const TOO_OLD = '<0.73.0-0';

/** The versions of Node with `module.registerHooks`, with which a worker loads a pi that is not bundled. */
const LOADER_NODES = '^22.15.0 || >=23.5.0';

/** The newest Node that a person without one is offered, as the range of npm's versions. */
export const OFFERED_NODES = '22.x';

/** The versions of pi that our tests cover, as a text. */
export const TESTED_VERSIONS: string = TESTED.text;

/** Returns whether our tests cover a version of pi. A preview (`1.6.0-beta.1`) counts as untested. */
export function isTestedVersion(version: string): boolean {
  return valid(version) !== null && satisfies(version, TESTED.range);
}

/** Returns whether a version of pi cannot be loaded. A newer version than the tested ones is tried. */
export function isTooOld(version: string): boolean {
  return valid(version) !== null && satisfies(version, TOO_OLD, { includePrerelease: true });
}

/** What keeps a version of Node from running a pi, or undefined. `engines` is the range in the package.json of pi. */
export function nodeShortcoming(nodeVersion: string, engines: string | undefined): string | undefined {
  if (engines !== undefined && !satisfies(nodeVersion, engines)) return `this pi needs Node ${engines}`;
  if (satisfies(nodeVersion, LOADER_NODES)) return undefined;
  return 'Node 22.15 or newer is needed to load a pi that is not bundled';
}
