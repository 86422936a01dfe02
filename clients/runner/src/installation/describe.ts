import { PI_INFO_LIMITS, type RunnerPi, type SessionPi } from '@pizzapi/protocol';
import { isTestedVersion } from './piVersions.js';
import type { LoadedPi, PiInstallation } from './types.js';

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
