import { backoff, type Logger } from '@pizzapi/process';
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a process may take to stop before it is killed. */
const STOP_TIMEOUT_MS = 12_000;
/** A process that ran this long was well: its next failure starts from the shortest pause again. */
const WELL_AFTER_MS = 20_000;

export interface ChildOptions {
  name: string;
  /** Path of the script. */
  main: string;
  args?: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Path of the file that its output is appended to. */
  logFile: string;
  log: Logger;
}

/**
 * One process of a local run. It is started again whenever it ends, with growing pauses, until it is stopped. It runs
 * in a process group of its own, so that a Ctrl-C reaches this process alone, which stops the others in order; and it
 * stops by itself when this process is gone, told by the end of their channel.
 */
export class Child {
  private process: ChildProcess | undefined;
  private stopping = false;
  private readonly pauses = backoff({ minMs: 250, maxMs: 10_000 });
  private readonly wake = new AbortController();
  /** Set by the first failure to start: why, for the person who waits for it. */
  lastExit: { code: number | null; signal: NodeJS.Signals | null } | undefined;

  constructor(private readonly options: ChildOptions) {}

  get name(): string {
    return this.options.name;
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    while (!this.stopping) {
      const startedAt = Date.now();
      this.lastExit = await this.once();
      if (this.stopping) return;
      if (Date.now() - startedAt > WELL_AFTER_MS) this.pauses.reset();
      const pause = this.pauses.next();
      this.options.log.warn({ process: this.options.name, ...this.lastExit, pause }, 'ended; starting it again');
      await delay(pause, undefined, { signal: this.wake.signal }).catch(() => undefined);
    }
  }

  /** SIGTERM, and SIGKILL if that does not end it in time. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wake.abort();
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const late = await Promise.race([gone, delay(STOP_TIMEOUT_MS, 'late' as const, { ref: false })]);
    if (late !== 'late') return;
    this.options.log.warn({ process: this.options.name }, 'did not stop in time; killed');
    child.kill('SIGKILL');
    await gone;
  }

  private once(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const { main, args = [], env, logFile, name, log } = this.options;
    const out = openSync(logFile, 'a', 0o600);
    try {
      const child = spawn(process.execPath, [main, ...args], {
        env,
        stdio: ['ignore', out, out, 'ipc'],
        detached: true,
      });
      this.process = child;
      return new Promise((resolve) => {
        child.once('error', (err) => {
          log.error({ process: name, err }, 'could not be started');
          resolve({ code: null, signal: null });
        });
        child.once('exit', (code, signal) => resolve({ code, signal }));
      });
    } finally {
      closeSync(out);
    }
  }
}
