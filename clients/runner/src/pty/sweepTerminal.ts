import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { sweepProcesses, taggedProcesses } from '../processes.js';

/** For a moment around its `exec` a process shows no environment, in ms. */
const EXEC_MS = 25;

/**
 * Ends a shell and all that it has started: the processes of its terminal, also those with another environment, and those
 * with its tag, also when they have left the terminal.
 */
export async function sweepTerminal(terminalId: string, shell: number | undefined): Promise<void> {
  const find = async (): Promise<number[]> => {
    const [tagged, members] = await Promise.all([
      taggedProcesses(terminalId),
      shell === undefined ? [] : sessionMembers(shell),
    ]);
    return [...new Set([...tagged, ...members])];
  };
  // Interactive shells ignore SIGTERM.
  await sweepProcesses(async () => {
    const found = await find();
    if (found.length > 0) return found;
    await sleep(EXEC_MS);
    return find();
  }, 'SIGHUP');
}

/** The processes of the session that a shell leads. */
async function sessionMembers(leader: number): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
      // The name of the program, in parentheses, may have spaces: state, parent, group and session follow it.
      const session = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
      return session === leader && !/\) Z /.test(stat) ? pid : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}
