import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('canaryWatcher.mjs', import.meta.url));

/** What has happened in a watched folder, by path. */
export interface CanaryReport {
  /** Files and folders whose content was read. */
  read: string[];
  /** Entries that are new, gone, or not as they were. */
  changed: string[];
  /** Events of the file system, also for what was undone since. */
  noticed: string[];
}

export const UNTOUCHED: CanaryReport = { read: [], changed: [], noticed: [] };

/** A process that watches a folder. */
export interface CanaryWatcher {
  /** What has happened since the start, or since this was asked last. */
  report(): Promise<CanaryReport>;
  stop(): void;
}

/** Watches a folder, and everything in it, from another process. */
export async function watchCanaries(folder: string): Promise<CanaryWatcher> {
  const child = fork(PROGRAM, [folder], { execArgv: [] });
  await once(child, 'message');
  return {
    report: async () => {
      const answered = once(child, 'message');
      child.send('report');
      return (await answered)[0] as CanaryReport;
    },
    stop: () => void child.disconnect(),
  };
}
