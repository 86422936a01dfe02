import { PI_INFO_LIMITS, type RunnerPi, type SessionPi } from '@pizzapi/protocol';
import { gt, valid } from 'semver';
import { isTestedVersion } from './piVersions.js';
import type { LoadedPi, PiInstallation } from './types.js';

/** Returns where a pi is and what runs it, as a part of a sentence: `pi 1.6.0 at /opt/pi on Node 22.23.5 at /opt/node`. */
export function placePi({ version, root, node, isTested }: PiInstallation): string {
  const place = root === null ? ', part of PizzaPi,' : ` at ${root}`;
  return `pi ${version}${place} on Node ${node.version} at ${node.path}${isTested ? '' : '; this version is not tested'}`;
}

/** Returns whether a version of pi is newer than the one in use. */
export function isNewerPi(version: string | undefined, used: Pick<PiInstallation, 'version'>): boolean {
  return version !== undefined && valid(version) !== null && gt(version, used.version);
}

const cut = (text: string, key: keyof typeof PI_INFO_LIMITS): string => text.slice(0, PI_INFO_LIMITS[key]);

/** Returns what a session states of the pi that it runs on. It has no path, because guests see it. */
export function describeLoadedPi({ packageName, version, node }: LoadedPi): SessionPi {
  return {
    name: cut(packageName, 'name'),
    version: cut(version, 'version'),
    node: cut(node, 'node'),
    tested: isTestedVersion(version),
  };
}

/** Returns what a runner states of the pi that its sessions run on. Only its owner sees it. */
export function describeInstallation({ source, packageName, version, root, node }: PiInstallation): RunnerPi {
  return {
    ...describeLoadedPi({ packageName, version, root, node: node.version }),
    path: root === null ? null : cut(root, 'path'),
    source,
  };
}

/** Returns what the runner of a terminal states of the pi that its person has started. */
export function describeTerminalPi(pi: LoadedPi): RunnerPi {
  const { root } = pi;
  return {
    ...describeLoadedPi(pi),
    path: root === null ? null : cut(root, 'path'),
    source: root === null ? 'bundled' : 'path',
  };
}
