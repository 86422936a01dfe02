import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** Halts a process while `work` runs: its connections stay open and it answers nothing. */
export async function whileProcessHalted<T>(pid: number, work: () => Promise<T>): Promise<T> {
  process.kill(pid, 'SIGSTOP');
  try {
    // The signal is only on its way when `kill` returns.
    while (!isHalted(pid)) await sleep(5);
    return await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

const isHalted = (pid: number): boolean =>
  execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('T');
