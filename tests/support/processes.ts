import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface ProcessInfo {
  pid: number;
  ppid: number;
  command: string;
}

/** Returns the processes of this machine. */
export function processes(): ProcessInfo[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)!;
    return { pid: Number(match[1]), ppid: Number(match[2]), command: match[3]! };
  });
}

/** Returns the descendant of a process whose command line contains `part`: one process of a local run. */
export function childOf(pid: number, part: string): number {
  const all = processes();
  for (let line = [pid]; line.length > 0;) {
    const children = all.filter(({ ppid }) => line.includes(ppid));
    const found = children.find(({ command }) => command.includes(part));
    if (found !== undefined) return found.pid;
    line = children.map((child) => child.pid);
  }
  throw new Error(`process ${pid} has no descendant "${part}"`);
}

/** Keeps the supervisor of a local run from restarting its processes while `work` runs. */
export async function unattended({ pid }: { pid: number }, work: () => Promise<void>): Promise<void> {
  const supervisor = childOf(pid, 'local/dist/bundle/main.js');
  process.kill(supervisor, 'SIGSTOP');
  try {
    await work();
  } finally {
    process.kill(supervisor, 'SIGCONT');
  }
}

/** Returns the process id of a session's worker, from the runner's records. */
export function workerOf(home: string, sid: string): number {
  const record = JSON.parse(readFileSync(join(home, 'runner', 'sessions', `${sid}.json`), 'utf8')) as {
    worker?: { pid: number };
  };
  if (record.worker === undefined) throw new Error(`session ${sid} has no worker`);
  return record.worker.pid;
}

/** Returns the running worker of a session, by the title of its process. */
export const workerProcess = (sid: string): ProcessInfo | undefined =>
  processes().find(({ command }) => command.startsWith(`pizzapi session ${sid}`));

/** Ends the workers of a runner. They outlive their daemon, and would look for the next one as long as the tests run. */
export function endWorkersOf(home: string): void {
  const records = join(home, 'runner', 'sessions');
  if (!existsSync(records)) return;
  const named = readdirSync(records).flatMap((name) =>
    name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : [],
  );
  for (const sid of named) {
    const pid = workerProcess(sid)?.pid;
    if (pid === undefined) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch (thrown) {
      // It has ended by itself since it was listed.
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
    }
  }
}

/** Returns the ids of processes with a session's tag in their environment: all that its worker started. Linux only. */
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
