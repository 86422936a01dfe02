import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';

/** Where a runner keeps what it must not forget, below the home of PizzaPi. Nothing of pi's own is in here. */
export interface RunnerHome {
  readonly root: string;
  readonly identity: string;
  readonly lock: string;
  readonly ledger: string;
  /** The models that pi listed last. */
  readonly models: string;
  /** One state file per session that is not over. */
  readonly sessions: string;
  /** One file per session that is over. */
  readonly ended: string;
  /** One file per command of a person that runs. */
  readonly execs: string;
  /** One file per terminal. */
  readonly terminals: string;
  /** The work trees of sessions. Sessions may start in here. */
  readonly worktrees: string;
  /** What is kept of them, one file for each. */
  readonly worktreeRecords: string;
  /** What is recorded of the changes of sessions, one folder for each. */
  readonly changes: string;
  /** One file per upload that has not ended. */
  readonly uploads: string;
  readonly logs: string;
  /** Sockets of the workers: a short path, since a unix socket's may have some hundred bytes only. */
  readonly sockets: string;
  spool(sid: string): string;
  attachments(sid: string): string;
  log(sid: string): string;
}

/** Returns the number of the user. In a container the user may have no name, and `userInfo` throws then. */
const userId = (): number => process.geteuid?.() ?? -1;

/** The paths of the daemon below `home` (`PIZZAPI_HOME`). */
export function runnerHome(home: string): RunnerHome {
  return hostHome(join(home, 'runner'));
}

/** The paths of whatever hosts sessions and keeps what it must not forget in `root`. */
export function hostHome(root: string): RunnerHome {
  const place = createHash('sha256').update(root).digest('hex').slice(0, 12);
  return {
    root,
    identity: join(root, 'identity.json'),
    lock: join(root, 'daemon.json'),
    ledger: join(root, 'ledger'),
    models: join(root, 'models.json'),
    sessions: join(root, 'sessions'),
    ended: join(root, 'ended'),
    execs: join(root, 'execs'),
    terminals: join(root, 'terminals'),
    worktrees: join(root, 'worktrees'),
    worktreeRecords: join(root, 'worktree-records'),
    changes: join(root, 'changes'),
    uploads: join(root, 'uploads'),
    logs: join(root, 'logs'),
    sockets: join(tmpdir(), `pizzapi-${userId()}-${place}`),
    spool: (sid) => join(root, 'spool', sid),
    attachments: (sid) => join(root, 'attachments', sid),
    log: (sid) => join(root, 'logs', `${sid}.log`),
  };
}

/**
 * Makes the folders, closed to everybody else. Throws `forbidden` when somebody else has put a folder where the sockets
 * are to be: that place is open to all users of the machine.
 */
export async function makeRunnerHome(home: RunnerHome): Promise<void> {
  for (const folder of [home.root, home.sessions, home.ended, home.logs, join(home.root, 'spool'), home.sockets]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  const found = await lstat(home.sockets);
  if (!found.isDirectory() || found.uid !== userId() || (found.mode & 0o077) !== 0) {
    throw new CodedError('forbidden', `${home.sockets} is not a folder that only you can access; remove it`);
  }
}
