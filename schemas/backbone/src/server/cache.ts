import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Context, Obtained } from './source.js';
import { complaint, inspect } from './version.js';

/** Work folders of a process that was killed are removed after this long. */
const ABANDONED_AFTER_MS = 3_600_000;

const WORK_PREFIX = '.work-';

/** Our own cache: `$XDG_CACHE_HOME` or `~/.cache`, then `pizzapi/nats-server/<version>/nats-server`. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  return join(base, 'pizzapi', 'nats-server');
}

export function binaryName(platform: NodeJS.Platform): string {
  return platform === 'win32' ? 'nats-server.exe' : 'nats-server';
}

/**
 * Gives `work` an empty folder inside the cache (the same file system, and one that programs may run from) and removes
 * it afterwards. Folders that a killed process left behind go too.
 */
export async function withWorkFolder<T>(context: Context, work: (folder: string) => Promise<T>): Promise<T> {
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
 * Puts a freshly obtained binary into the cache, under the version it says it is. The last step is a rename, so that
 * another process sees the whole file or none, and two at once do not disturb each other.
 */
export async function keepInCache(context: Context, binary: string): Promise<Obtained> {
  await chmod(binary, 0o755);
  const inspection = await inspect(binary);
  if (inspection.kind !== 'usable') return { kind: 'failed', why: complaint('what it gave', inspection) };
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
