import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PiNode } from './types.js';

/** What a program printed, or why it did not answer. */
export type AnswerOfProgram = { kind: 'answered'; stdout: string } | { kind: 'failed'; why: string };

/** The machine on which pi is searched. */
export interface PiHost {
  /** As `process.platform`. */
  platform: NodeJS.Platform;
  /** The home folder of the person. */
  home: string;
  /** The Node of this process. */
  node: PiNode;
  /** The folder of the bundled pi, without symbolic links; undefined in a bundle without one. */
  bundledRoot: string | undefined;
  /** As `process.arch`. */
  arch: string;
  /** Runs a program without a shell, with a time limit of 10 s when none is given. Never throws. */
  run: (
    program: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
    timeoutMs?: number,
  ) => Promise<AnswerOfProgram>;
}

/** How long a version manager or a Node may take to answer, in ms. */
const ANSWER_MS = 10_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
const BUNDLED = join('node_modules', '@mariozechner', 'pi-coding-agent');

/** Returns the machine of this process. */
export function processHost(): PiHost {
  const home = homedir();
  return {
    ...{ platform: process.platform, arch: process.arch, home },
    node: { path: process.execPath, version: process.versions.node },
    bundledRoot: findBundled(fileURLToPath(import.meta.url)),
    run: (program, args, env, timeoutMs = ANSWER_MS) =>
      run(program, args, { env, timeout: timeoutMs, cwd: existsSync(home) ? home : '/' }),
  };
}

function run(
  program: string,
  args: readonly string[],
  limits: { env: NodeJS.ProcessEnv; timeout: number; cwd: string },
): Promise<AnswerOfProgram> {
  const options = { ...limits, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES } as const;
  return new Promise((resolve) => {
    execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve({ kind: 'answered', stdout });
      const isLate = error.killed === true;
      const why = isLate ? `no answer in ${limits.timeout / 1_000} s` : firstLine(stderr || error.message);
      resolve({ kind: 'failed', why });
    });
  });
}

/** Finds the bundled pi in the node_modules above a module of ours. */
function findBundled(module: string): string | undefined {
  for (let folder = dirname(module); ; folder = dirname(folder)) {
    const root = join(folder, BUNDLED);
    if (existsSync(join(root, 'package.json'))) return realpathSync(root);
    if (folder === dirname(folder)) return undefined;
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0]!.slice(0, 200);
}
