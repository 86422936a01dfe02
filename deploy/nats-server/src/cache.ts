import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { InstallContext, Obtained } from './source.js';
import { inspect, rejectionReason } from './version.js';

/** Age after which the work folder of a killed process is removed. */
const ABANDONED_AFTER_MS = 3_600_000;

const WORK_PREFIX = '.work-';

/** Returns the cache folder: `$XDG_CACHE_HOME` or `~/.cache`, then `pizzapi/nats-server/<version>/nats-server`. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  return join(base, 'pizzapi', 'nats-server');
}

export function binaryName(platform: NodeJS.Platform): string {
  return platform === 'win32' ? 'nats-server.exe' : 'nats-server';
}

/**
 * Calls `work` with an empty folder inside the cache and removes the folder afterwards. The folder is on the file system
 * of the cache, which allows a rename, and programs can run from it. Also removes old folders of killed processes.
 */
export async function withWorkFolder<T>(context: InstallContext, work: (folder: string) => Promise<T>): Promise<T> {
  const cache = cacheFolder(context.env);
  await mkdir(cache, { recursive: true });
  await removeAbandoned(cache);
  const folder = await mkdtemp(join(cache, WORK_PREFIX));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Stores a new binary in the cache, in a folder named after the version that it prints. The last step is a rename:
 * another process sees the whole file or no file, and two processes can store the same version at the same time.
 */
export async function keepInCache(context: InstallContext, binary: string): Promise<Obtained> {
  await chmod(binary, 0o755);
  const inspection = await inspect(binary);
  if (inspection.kind !== 'usable') return { kind: 'failed', why: rejectionReason('the file', inspection) };
  const folder = join(cacheFolder(context.env), inspection.version);
  await mkdir(folder, { recursive: true });
  const name = binaryName(context.platform);
  const temporary = join(folder, `.${name}-${randomBytes(6).toString('hex')}`);
  const target = join(folder, name);
  try {
    await copyFile(binary, temporary);
    await chmod(temporary, 0o755);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
  return { kind: 'found', binary: target, version: inspection.version };
}

async function removeAbandoned(cache: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    if (!entry.startsWith(WORK_PREFIX)) continue;
    const folder = join(cache, entry);
    const age = await stat(folder).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > ABANDONED_AFTER_MS) await rm(folder, { recursive: true, force: true });
  }
}
