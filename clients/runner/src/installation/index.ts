/** Finds the pi that sessions run on, and the Node that runs it. Imports nothing of pi. */
export { bundledPi } from './bundled.js';
export { describeInstallation, describeLoadedPi, isNewerPi, placePi, describeTerminalPi } from './describe.js';
export { BUNDLED, findPi, requirePi, type FindPiOptions, type PiSearch, type UnusedPi } from './find.js';
export { installNode, type InstallNodeOutcome } from './installNode.js';
export { processHost, type PiHost } from './host.js';
export { isTestedVersion, TESTED_VERSIONS } from './piVersions.js';
export { PI_PACKAGES, type LoadedPi, type PiInstallation, type PiNode, type PiPackage } from './types.js';
