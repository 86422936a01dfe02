import { readdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';

export interface ProcessInfo {
  pid: number;
  ppid: number;
  command: string;
}

/** The processes of this machine. */
export function processes(): ProcessInfo[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)!;
    return { pid: Number(match[1]), ppid: Number(match[2]), command: match[3]! };
  });
}

/** The child of a process whose command line holds `part`: one process of a local run. */
export function childOf(pid: number, part: string): number {
  const found = processes().find((process) => process.ppid === pid && process.command.includes(part));
  if (found === undefined) throw new Error(`process ${pid} has no child "${part}"`);
  return found.pid;
}

/** Process ids that carry a session's tag in their environment: its worker and whatever that started. Linux only. */
export function taggedWith(sid: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        return environment.split('\0').includes(`PIZZAPI_SESSION=${sid}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}
