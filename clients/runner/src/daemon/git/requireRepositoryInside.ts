import { realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { isInside } from '../roots.js';
import { readText } from './readText.js';

/**
 * Looks for the repository of a folder as git does, and throws `git_outside_roots` when git would find it outside of the roots: above
 * them, or where a file or a link named `.git` leads. Git itself reads the configuration of a repository to say where it is.
 */
export async function requireRepositoryInside(folder: string, roots: readonly string[]): Promise<void> {
  const require = (path: string | undefined): void => {
    if (path !== undefined && !isInside(path, roots)) throw repositoryOutside(folder);
  };
  let at = await real(folder);
  while (at !== undefined) {
    const found = await real(join(at, '.git'));
    const isFile = found !== undefined && (await stat(found)).isFile();
    if (found !== undefined && (isFile || (await isRepository(found)))) {
      require(found);
      const gitDir = isFile ? await real(resolve(at, await textAfter(found, 'gitdir:'))) : found;
      require(gitDir);
      const commonDir = gitDir === undefined ? '' : await textAfter(join(gitDir, 'commondir'), '');
      if (gitDir !== undefined && commonDir !== '') require(await real(resolve(gitDir, commonDir)));
      return;
    }
    const above = dirname(at);
    at = above === at ? undefined : above;
  }
}

/** The refusal of a repository that lies outside of the roots, with any part of it. */
export function repositoryOutside(folder: string): CodedError {
  return new CodedError('git_outside_roots', `${folder} belongs to a repository outside`);
}

const real = (path: string): Promise<string | undefined> => realpath(path).catch(() => undefined);

/** Whether git takes a folder for a repository; otherwise it looks further up. */
async function isRepository(folder: string): Promise<boolean> {
  const parts = await Promise.all(['HEAD', 'objects', 'refs'].map((name) => real(join(folder, name))));
  return parts.every((part) => part !== undefined) || (await real(join(folder, 'commondir'))) !== undefined;
}

/** What a small file says after a word. */
async function textAfter(path: string, word: string): Promise<string> {
  const text = (await readText(path)).trim();
  return text.startsWith(word) ? text.slice(word.length).trim() : '';
}
