import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Seconds that all threads of a process have run, or undefined where the system does not tell. */
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

/** The measured server has a core of its own and all that loads it the others, where the system can do that. */
export const CORES: { server: string; load: string } | undefined = pinning();

function pinning(): { server: string; load: string } | undefined {
  const count = cpus().length;
  if (process.platform !== 'linux' || count < 2 || !hasTaskset()) return undefined;
  return { server: '0', load: count === 2 ? '1' : `1-${count - 1}` };
}

/** The command line that starts a program on the given cores. */
export function pinned(cores: string | undefined, command: string, args: readonly string[]): [string, string[]] {
  return cores === undefined ? [command, [...args]] : ['taskset', ['-c', cores, command, ...args]];
}

/** Moves a running process, with all its threads. */
export function pin(pid: number, cores: string | undefined): void {
  if (cores !== undefined) execFileSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' });
}
