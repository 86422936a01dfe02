import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import { isExecutable } from './files.js';

/** The most folders of PATH that are searched. */
const MAX_FOLDERS = 200;

/**
 * Returns the folders of PATH that are searched, in order. A relative folder is ignored: its programs change with the
 * current folder, which can belong to a project of other people. The same holds for the `node_modules/.bin` folders that
 * npm adds while it runs a script.
 */
export function searchFolders(env: NodeJS.ProcessEnv): string[] {
  const isInNpm = Boolean(env['npm_execpath'] ?? env['npm_config_user_agent']);
  const folders = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => isAbsolute(folder) && !folder.includes('\0'))
    .filter((folder) => !isInNpm || !isProjectBin(folder));
  return [...new Set(folders)].slice(0, MAX_FOLDERS);
}

/** Returns the paths of the programs with this name on PATH, in order. */
export async function programsOnPath(name: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const paths = searchFolders(env).map((folder) => join(folder, name));
  const found = await Promise.all(paths.map(isExecutable));
  return paths.filter((_, at) => found[at]);
}

function isProjectBin(folder: string): boolean {
  const path = folder.replace(/\/+$/, '');
  return basename(path) === '.bin' && basename(dirname(path)) === 'node_modules';
}
