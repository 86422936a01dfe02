import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './log.mjs';
import { npm } from './npm.mjs';

/** npm prefers this file to package-lock.json. It exists during an installation only. */
const FILE = join(ROOT, 'npm-shrinkwrap.json');

/**
 * Runs an installation with a copy of the lock file that has the address of each package at the registry of this machine.
 * package-lock.json has none, so that it fits every registry: without them npm asks for the description of each
 * package first, which takes a third of the time and twice the traffic. The checksums stay those of package-lock.json.
 */
export async function withAddresses(lockfile, installation) {
  const { code, output } = await npm(['config', 'get', 'registry'], { what: 'deps' });
  const registry = output.trim();
  if (code !== 0 || !/^https?:\/\/\S+$/.test(registry)) return installation();
  writeFileSync(FILE, JSON.stringify(addressed(JSON.parse(readFileSync(lockfile, 'utf8')), registry)));
  try {
    return await installation();
  } finally {
    removeAddresses();
  }
}

/** Whether an installation with addresses runs, or was killed. */
export const hasAddresses = () => existsSync(FILE);

export function removeAddresses() {
  rmSync(FILE, { force: true });
}

/** A lock file with the address that npm's registries have for each package. */
function addressed(lock, registry) {
  const base = registry.endsWith('/') ? registry : `${registry}/`;
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.integrity === undefined || entry.resolved !== undefined) continue;
    const name = entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    entry.resolved = `${base}${name}/-/${name.split('/').at(-1)}-${entry.version}.tgz`;
  }
  return lock;
}
