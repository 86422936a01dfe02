import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { readOnlyPath } from './human/readOnlyRun.js';
import { isProgram } from './programs.js';

/** Whether the operating system itself keeps a script that only reads from writing, or its words were checked only. */
export type ReadSandbox = { kind: 'enforced'; program: string } | { kind: 'checked'; why: string };

/** How long bubblewrap may take to start, in ms. */
const START_MS = 10_000;

/**
 * What bubblewrap is told: all of the machine to be read and nothing to be written, no network, no other processes, and
 * none of the sockets below /run, by which services would act in one's name.
 */
export function sandboxWords(program: string, cwd: string): string[] {
  // An administrator reads what others keep for themselves; that goes on.
  const mayReadAll = process.getuid?.() === 0 ? ['--cap-add', 'CAP_DAC_READ_SEARCH'] : [];
  return [
    program,
    ...['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/run'],
    // NixOS has its programs there.
    ...['--ro-bind-try', '/run/current-system', '/run/current-system'],
    // A place for what a program puts aside for itself, which goes with it.
    ...['--setenv', 'TMPDIR', '/dev/shm'],
    ...folderWords(cwd),
    ...['--unshare-net', '--unshare-pid', '--unshare-ipc', '--cap-drop', 'ALL', ...mayReadAll],
    ...['--die-with-parent', '--new-session'],
  ];
}

/** The folder to work in, which may lie below one that is hidden. */
function folderWords(cwd: string): string[] {
  const real = existsSync(cwd) ? realpathSync(cwd) : cwd;
  return /^\/(run|dev)\//.test(real) ? ['--ro-bind', real, real, '--chdir', real] : ['--chdir', cwd];
}

/** Looks for bubblewrap and starts it once: an unprivileged user may not be allowed to. */
export async function findReadSandbox(env: NodeJS.ProcessEnv = process.env): Promise<ReadSandbox> {
  if (process.platform !== 'linux') return { kind: 'checked', why: 'bubblewrap runs on Linux only' };
  const folders = readOnlyPath(env['PATH'] ?? '', process.cwd()).split(delimiter);
  const program = folders.map((folder) => join(folder, 'bwrap')).find(isProgram);
  if (program === undefined) return { kind: 'checked', why: 'there is no bwrap on the PATH' };
  const [file, ...args] = [...sandboxWords(program, tmpdir()), '/bin/sh', '-c', ':'];
  return new Promise((resolve) => {
    execFile(file, args, { timeout: START_MS, killSignal: 'SIGKILL' }, (error, _stdout, stderr) => {
      if (error === null) return resolve({ kind: 'enforced', program });
      const why = stderr.trim().split('\n')[0] || error.message.split('\n')[0];
      resolve({ kind: 'checked', why: `${program} does not start (${why})` });
    });
  });
}

let found: Promise<ReadSandbox> | undefined;

/** The sandbox of this process, looked for once. */
export function readSandbox(): Promise<ReadSandbox> {
  return (found ??= findReadSandbox());
}
