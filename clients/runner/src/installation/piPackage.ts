import { dirname, join } from 'node:path';
import { mapAt, stringAt } from '@pizzapi/protocol';
import { valid, validRange } from 'semver';
import { isFile, readJsonFile } from './files.js';
import { PI_PACKAGES, type PiPackage } from './types.js';

/** The folder of a package of pi that the adapter can load. */
export interface PiFolder {
  packageName: PiPackage;
  version: string;
  root: string;
  /** The versions of Node that it needs, as its package.json states them. */
  engines: string | undefined;
  /** Its program, an absolute path. */
  program: string;
}

export type PiFolderOutcome =
  | { kind: 'pi'; pi: PiFolder }
  /** The files beside a pi that is a single program: its package.json without its modules. */
  | { kind: 'no_modules'; version: string }
  | { kind: 'other' };

/** How many folders above a file are searched for its package.json. */
const MAX_PARENTS = 12;
/** The module that the adapter imports. Both packages of pi name it so. */
const MAIN = join('dist', 'index.js');
/** The longest version, and range of versions, that is passed on. */
const MAX_VERSION = 64;

/** Reads the package.json of a folder. */
export async function readPiFolder(root: string): Promise<PiFolderOutcome> {
  const manifest = await readJsonFile(join(root, 'package.json'));
  const name = manifest && stringAt(manifest, 'name');
  const packageName = PI_PACKAGES.find((known) => known === name);
  const version = manifest && stringAt(manifest, 'version');
  if (manifest === undefined || packageName === undefined || version === undefined) return { kind: 'other' };
  if (version.length > MAX_VERSION || valid(version) === null) return { kind: 'other' };
  if (!(await isFile(join(root, MAIN)))) return { kind: 'no_modules', version };
  const engines = mapAt(manifest, 'engines');
  const bin = mapAt(manifest, 'bin');
  return {
    kind: 'pi',
    pi: {
      ...{ packageName, version, root },
      engines: rangeOf(engines && stringAt(engines, 'node')),
      program: join(root, (bin && stringAt(bin, 'pi')) ?? join('dist', 'cli.js')),
    },
  };
}

/** A range that cannot be read, or is longer than any real one, counts as no range. */
function rangeOf(engines: string | undefined): string | undefined {
  return engines !== undefined && engines.length <= MAX_VERSION && validRange(engines) !== null ? engines : undefined;
}

/** Finds the package of pi that a file belongs to. Folders of other packages on the way up end the search. */
export async function findPiFolder(file: string): Promise<PiFolderOutcome> {
  let folder = dirname(file);
  for (let step = 0; step < MAX_PARENTS; step++) {
    const manifest = await readJsonFile(join(folder, 'package.json'));
    // `dist` of some packages has a package.json that only states the type of its modules.
    if (manifest !== undefined && stringAt(manifest, 'name') !== undefined) return readPiFolder(folder);
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  return { kind: 'other' };
}
