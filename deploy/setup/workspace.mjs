import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './log.mjs';

const SKIPPED_NAMES = new Set(['node_modules', 'dist', '.nx', '.git', 'test-output']);

/** Returns the sorted paths of all package.json files, relative to the root. */
export function packageFiles() {
  return ['package.json', ...workspaceFolders().map((folder) => `${folder}/package.json`)];
}

/** Returns the sorted folders of all packages, from the field `workspaces` (`clients/*`, `tests`). */
export function workspaceFolders() {
  const { workspaces } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return workspaces
    .flatMap((pattern) => {
      if (!pattern.endsWith('/*')) return [pattern];
      const parent = pattern.slice(0, -2);
      return readdirSync(join(ROOT, parent)).map((name) => `${parent}/${name}`);
    })
    .filter((folder) => existsSync(join(ROOT, folder, 'package.json')))
    .sort();
}

/** Lists all files in some folders of the checkout as sorted `path size mtime` lines, without generated files. */
export function listFiles(folders, skippedNames = SKIPPED_NAMES) {
  const lines = [];
  const walk = (path) => {
    for (const entry of readdirSync(join(ROOT, path), { withFileTypes: true })) {
      if (skippedNames.has(entry.name)) continue;
      const inner = `${path}/${entry.name}`;
      if (entry.isDirectory()) walk(inner);
      else if (entry.isFile()) lines.push(describe(inner));
    }
  };
  for (const folder of folders) if (existsSync(join(ROOT, folder))) walk(folder);
  return lines.sort();
}

/** Returns `path size mtime` of one file. */
export function describe(path) {
  const { size, mtimeMs } = statSync(join(ROOT, path));
  return `${path} ${size} ${mtimeMs}`;
}
