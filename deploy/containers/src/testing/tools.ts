import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MAX_OUTPUT = 64 * 1024 * 1024;

/** Runs a program to its end, and returns what it prints. Throws with its messages when it fails. */
export async function tool(program: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, BUILDAH_ISOLATION: 'chroot' };
  const { stdout } = await promisify(execFile)(program, [...args], { maxBuffer: MAX_OUTPUT, env });
  return stdout.trim();
}

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** Returns why this machine cannot build and start the images, or undefined when it can. */
export function whyNot(): string | undefined {
  const programs = ['buildah', 'unshare', 'setpriv'].filter((program) => !has(program));
  if (programs.length > 0) return `this machine lacks ${programs.join(', ')} (Debian: apt-get install buildah)`;
  if (process.getuid?.() !== 0) return 'mounting an image read-only needs root';
  if (baseTool() === undefined && !existsSync(BASE))
    return `${BASE} does not exist, and mmdebstrap is not installed to make it`;
  return undefined;
}

const baseTool = (): string | undefined => (has('mmdebstrap') ? 'mmdebstrap' : undefined);

/** Keeps layers and the base between two runs. */
export const CACHE = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'pizzapi-tests', 'containers');
const BASE = process.env['PIZZAPI_TEST_BASE'] || join(CACHE, 'debian.tar');
/** Debian's image for containers leaves out the same folders. */
const LEFT_OUT = ['doc', 'man', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
/** A mirror that is some weeks old does for a test: its packages are signed all the same. */
const OLD_MIRROR = '--aptopt=Acquire::Check-Valid-Until "false"';

/** Returns an archive of the root file system of Debian, made from its packages when it does not exist yet. */
export async function debianArchive(): Promise<string> {
  if (!existsSync(BASE)) {
    const draft = `${BASE}.${process.pid}.tar`;
    const packages = '--include=libstdc++6,ca-certificates';
    await tool('mmdebstrap', ['--variant=apt', ...LEFT_OUT, OLD_MIRROR, packages, 'stable', draft]);
    await tool('mv', [draft, BASE]);
  }
  return BASE;
}
