import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { rcompare, valid } from 'semver';
import { isExecutable } from './files.js';
import type { PiNode } from './types.js';

/** Returns the folder with the Nodes that were fetched: `$XDG_CACHE_HOME` or `~/.cache`, then `pizzapi/node`. */
export function nodeCacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  return join(base, 'pizzapi', 'node');
}

/** Returns the program of a version in the cache. */
export function nodeInCache(env: NodeJS.ProcessEnv, version: string): string {
  return join(nodeCacheFolder(env), version, 'bin', 'node');
}

/** Returns the newest fetched Node with a version that fits. A version is in the cache completely or not at all. */
export async function fetchedNode(
  env: NodeJS.ProcessEnv,
  fits: (version: string) => boolean,
): Promise<PiNode | undefined> {
  const names = await readdir(nodeCacheFolder(env)).catch(() => []);
  const versions = names.filter((name) => valid(name) === name && fits(name)).sort(rcompare);
  for (const version of versions) {
    const path = nodeInCache(env, version);
    if (await isExecutable(path)) return { path, version };
  }
  return undefined;
}
