import { backoff, READY_MESSAGE, type Logger } from '@pizzapi/process';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Time limit for a stop; then the process is killed. */
const STOP_TIMEOUT_MS = 12_000;
/** After this run time, the pause before the next restart is the shortest one again. */
const WELL_AFTER_MS = 3_000;

export interface SupervisedProcessOptions {
  name: string;
  /** Path of the script. */
  main: string;
  /** Options of Node itself. */
  nodeFlags?: readonly string[];
  args?: readonly string[];
  env: NodeJS.ProcessEnv;
  /** What the next start takes instead. Called before each start. */
  instead?: () => { main: string; env: NodeJS.ProcessEnv } | undefined;
  /** Path of the log file; the output of the process is appended to it. */
  logFile: string;
  log: Logger;
  /** The first start waits until this process has announced that it is ready. */
  after?: SupervisedProcess;
  /** Called with the id of each process that starts. */
  onStart?: (pid: number | undefined) => void;
}

/**
 * Runs one process of a local run and restarts it, with growing pauses, until `stop`. The process runs in a process group
 * of its own: Ctrl-C reaches only this process, which stops the others in order. The process stops by itself when its IPC
 * channel closes, because then this process has ended.
 */
export class SupervisedProcess {
  private process: ChildProcess | undefined;
  private stopping = false;
  private readonly pauses = backoff({ minMs: 100, maxMs: 5_000 });
  private readonly wake = new AbortController();
  private announce: () => void = () => undefined;
  /** Resolves when the process has announced that it is ready. */
  readonly ready = new Promise<void>((resolve) => (this.announce = resolve));
  /** Exit code and signal of the last run; undefined while the first run lasts. */
  lastExit: { code: number | null; signal: NodeJS.Signals | null } | undefined;

  constructor(private readonly options: SupervisedProcessOptions) {}

  get name(): string {
    return this.options.name;
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** Runs and restarts the process until `stop`. */
  async run(): Promise<void> {
    const { after } = this.options;
    if (after !== undefined && !this.stopping) await Promise.race([after.ready, once(this.wake.signal, 'abort')]);
    while (!this.stopping) {
      const startedAt = Date.now();
      this.lastExit = await this.runToEnd();
      if (this.stopping) return;
      if (Date.now() - startedAt > WELL_AFTER_MS) this.pauses.reset();
      const pause = this.pauses.next();
      this.options.log.warn({ process: this.options.name, ...this.lastExit, pause }, 'process ended; restarting it');
      await delay(pause, undefined, { signal: this.wake.signal }).catch(() => undefined);
    }
  }

  /** Sends SIGTERM, then SIGKILL after a time limit. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wake.abort();
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const late = await Promise.race([gone, delay(STOP_TIMEOUT_MS, 'late' as const, { ref: false })]);
    if (late !== 'late') return;
    this.options.log.warn({ process: this.options.name }, 'process did not stop in time and was killed');
    child.kill('SIGKILL');
    await gone;
  }

  /** Runs the process once, and returns how it ended. */
  runToEnd(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const { args = [], nodeFlags = [], instead, logFile, name, log } = this.options;
    const { main, env } = instead?.() ?? this.options;
    const out = openSync(logFile, 'a', 0o600);
    try {
      const child = spawn(process.execPath, [...nodeFlags, main, ...args], {
        env,
        stdio: ['ignore', out, out, 'ipc'],
        detached: true,
      });
      this.process = child;
      child.on('message', (message) => message === READY_MESSAGE && this.announce());
      this.options.onStart?.(child.pid);
      return new Promise((resolve) => {
        child.once('error', (err) => {
          log.error({ process: name, err }, 'process could not be started');
          resolve({ code: null, signal: null });
        });
        child.once('exit', (code, signal) => resolve({ code, signal }));
      });
    } finally {
      closeSync(out);
    }
  }
}
