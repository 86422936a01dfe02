import { dirname, join } from 'node:path';
import { findProgram } from '../../programs.js';
import type { RunnerHome } from '../../home.js';
import { HostFiles, type HostFilesDeps } from './hostFiles.js';
import type { SearchPrograms } from './search/searchProcess.js';

export type { HostFiles };

/** How long the programs that were found are used, in ms: a person may install ripgrep. */
const PROGRAMS_MS = 60_000;

export interface OpenFilesOptions extends Pick<HostFilesDeps, 'roots' | 'hosts' | 'env' | 'git'> {
  home: RunnerHome;
  /** `PIZZAPI_HOME`: tokens and keys of this machine. */
  pizzapiHome: string;
  /** The folder of pi, with its keys. */
  agentDir: string;
  /** The program of the workers. The walker is beside it. */
  workerMain: string;
}

/** Makes the files of a host, and removes uploads that a daemon before this one has left. */
export async function openHostFiles({
  home,
  pizzapiHome,
  agentDir,
  workerMain,
  ...deps
}: OpenFilesOptions): Promise<HostFiles> {
  const files = await HostFiles.create({
    ...deps,
    closed: [pizzapiHome, home.root, join(agentDir, 'auth.json')],
    open: [home.worktrees],
    uploads: home.uploads,
    programs: cached(() => ({
      ripgrep: findProgram('rg', deps.env),
      git: findProgram('git', deps.env),
      walker: join(dirname(workerMain), 'walkerMain.js'),
    })),
  });
  await files.uploads.start();
  return files;
}

function cached(find: () => SearchPrograms): () => SearchPrograms {
  let found: { at: number; programs: SearchPrograms } | undefined;
  return () => {
    if (found === undefined || performance.now() - found.at > PROGRAMS_MS)
      found = { at: performance.now(), programs: find() };
    return found.programs;
  };
}
