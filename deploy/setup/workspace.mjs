import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './say.mjs';

const UNSEEN = new Set(['node_modules', 'dist', '.nx', '.git', 'test-output']);

/** Paths of every package.json of the workspace, from the root, sorted. */
export function packageFiles() {
  return ['package.json', ...workspaceFolders().map((folder) => `${folder}/package.json`)];
}

/** The folders that the root's `workspaces` name (`clients/*`, `tests`) and that are packages, sorted. */
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

/** Every file below some folders of the checkout as `path size mtime`, sorted, without what is made or fetched. */
export function listFiles(folders, unseen = UNSEEN) {
  const lines = [];
  const walk = (path) => {
    for (const entry of readdirSync(join(ROOT, path), { withFileTypes: true })) {
      if (unseen.has(entry.name)) continue;
      const inner = `${path}/${entry.name}`;
      if (entry.isDirectory()) walk(inner);
      else if (entry.isFile()) lines.push(describe(inner));
    }
  };
  for (const folder of folders) if (existsSync(join(ROOT, folder))) walk(folder);
  return lines.sort();
}

/** `path size mtime` of one file. */
export function describe(path) {
  const { size, mtimeMs } = statSync(join(ROOT, path));
  return `${path} ${size} ${mtimeMs}`;
}
