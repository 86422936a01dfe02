import { chmodSync, cpSync, lstatSync, lutimesSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = join(HERE, '../..');
/** The earliest time that every format of archives can hold. */
const EPOCH = Number(process.env.SOURCE_DATE_EPOCH || 315_532_800);

export function copy(from, to, filter = () => true) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, filter });
}

/** Gives every file the same time, and a mode that does not depend on the checkout: every user of an image reads it. */
export function normalize(path) {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) throw new Error(`${path} is a symbolic link`);
  const isFolder = stat.isDirectory();
  if (isFolder) for (const name of readdirSync(path)) normalize(join(path, name));
  chmodSync(path, isFolder || (stat.mode & 0o100) !== 0 ? 0o755 : 0o644);
  lutimesSync(path, EPOCH, EPOCH);
}
