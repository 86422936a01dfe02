import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Returns the CPU seconds of all threads of a process, or undefined when the system does not report them. */
export function cpuSeconds(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const nanos = threads.map((thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]),
    );
    return nanos.reduce((sum, each) => sum + each, 0) / 1e9;
  } catch {
    return undefined;
  }
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The measured server has its own core and the load has the other cores, when the system supports pinning. */
export const CORES: { server: string; load: string } | undefined = pinning();

function pinning(): { server: string; load: string } | undefined {
  const count = cpus().length;
  if (process.platform !== 'linux' || count < 2 || !hasTaskset()) return undefined;
  return { server: '0', load: count === 2 ? '1' : `1-${count - 1}` };
}

/** Returns the command line that starts a program on the given cores. */
export function pinned(cores: string | undefined, command: string, args: readonly string[]): [string, string[]] {
  return cores === undefined ? [command, [...args]] : ['taskset', ['-c', cores, command, ...args]];
}

/** Moves a running process with all its threads. */
export function pin(pid: number, cores: string | undefined): void {
  if (cores !== undefined) execFileSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' });
}
