import { basename, dirname, isAbsolute, join } from 'node:path';
import { isMap, mapAt, stringAt } from '@pizzapi/protocol';
import { isExecutable, readHead, readJsonFile } from './files.js';
import type { PiHost } from './host.js';
import { findPiFolder, readPiFolder, type PiFolder } from './piPackage.js';
import { PI_PACKAGES } from './types.js';

/** Where to search pi, and on which machine. */
export interface PiSearchContext {
  env: NodeJS.ProcessEnv;
  host: PiHost;
}

/** A program that a version manager runs for its shim, or a message. */
export type ShimOutcome = { kind: 'program'; path: string } | { kind: 'unknown'; why: string };

/** The version managers whose shim `pi` starts a pi of theirs. */
const MANAGERS = ['volta', 'mise', 'asdf', 'nodenv'] as const;
export type VersionManager = (typeof MANAGERS)[number];

const LONGEST_VERSION_FILE = 256;
const RELEASE = /^\d+\.\d+\.\d+[\w.+-]*$/;

/** Returns the version manager that a program belongs to, by the name of the file. */
export function managerOf(program: string): VersionManager | undefined {
  const name = basename(program).replace(/-shim$/, '');
  return MANAGERS.find((manager) => manager === (name === 'rtx' ? 'mise' : name));
}

/** Has a version manager print which program its shim starts. Runs it without a shell and with a time limit. */
export async function askManager(manager: string, shim: string, { host, env }: PiSearchContext): Promise<ShimOutcome> {
  const answer = await host.run(manager, ['which', basename(shim)], env);
  if (answer.kind === 'failed') return { kind: 'unknown', why: answer.why };
  const path = answer.stdout.trim().split('\n').at(-1) ?? '';
  if (!isAbsolute(path)) return { kind: 'unknown', why: 'it printed no path' };
  return path === shim ? { kind: 'unknown', why: 'it printed the path of its own shim' } : { kind: 'program', path };
}

/**
 * Finds the pi behind a shim of volta in volta's own files: the package, and the Node that volta has pinned for it.
 * Returns undefined when the files do not say it.
 */
export async function findVoltaPi(
  shim: string,
  { env, host }: PiSearchContext,
): Promise<{ pi: PiFolder; node: string | undefined } | undefined> {
  for (const volta of [dirname(dirname(shim)), env['VOLTA_HOME'] ?? '', join(host.home, '.volta')]) {
    if (!isAbsolute(volta)) continue;
    const bin = await readJsonFile(join(volta, 'tools', 'user', 'bins', `${basename(shim)}.json`));
    const name = PI_PACKAGES.find((known) => known === (bin && stringAt(bin, 'package')));
    if (bin === undefined || name === undefined) continue;
    const image = join(volta, 'tools', 'image');
    const folder = await readPiFolder(join(image, 'packages', name, 'lib', 'node_modules', name));
    if (folder.kind !== 'pi') continue;
    return { pi: folder.pi, node: nodeOfVolta(image, mapAt(bin, 'platform')?.['node']) };
  }
  return undefined;
}

function nodeOfVolta(image: string, pinned: unknown): string | undefined {
  const version = isMap(pinned) ? stringAt(pinned, 'runtime') : pinned;
  if (typeof version !== 'string' || !RELEASE.test(version)) return undefined;
  return join(image, 'node', version, 'bin', 'node');
}

/**
 * Finds the program behind a shim of asdf: its comments name the versions that have the program. With several versions,
 * only asdf can tell which one it would run.
 */
export async function findAsdfProgram(shim: string, comments: readonly string[]): Promise<string | undefined> {
  const lines = comments
    .map((line) => /^# asdf-plugin: ([\w.-]+) ([\w.+-]+)\s*$/.exec(line))
    .filter((line) => line !== null);
  const [only, ...more] = lines;
  if (only === undefined || more.length > 0) return undefined;
  const program = join(dirname(dirname(shim)), 'installs', only[1]!, only[2]!, 'bin', basename(shim));
  return (await isExecutable(program)) ? program : undefined;
}

/**
 * Finds the active release of pi's own installer. It puts a launcher in `<folder>/bin`, and the releases and a file with
 * the active version in `<folder>/install`.
 */
export async function findManagedPi(launcher: string): Promise<PiFolder | undefined> {
  const root = join(dirname(dirname(launcher)), 'install');
  const marker = await readJsonFile(join(root, 'managed-install.json'));
  if (marker?.['kind'] !== 'pi-managed-install' || marker['layout'] !== 'releases-v1') return undefined;
  const text = await readHead(join(root, 'current-version'), LONGEST_VERSION_FILE);
  const version = text?.bytes.toString('utf8').trim() ?? '';
  if (!RELEASE.test(version)) return undefined;
  for (const name of PI_PACKAGES) {
    const found = await findPiFolder(join(root, 'releases', version, 'node_modules', name, 'package.json'));
    if (found.kind === 'pi') return found.pi;
  }
  return undefined;
}
