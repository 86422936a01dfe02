import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { CodedError, EXEC_PAGE_BYTES, type EXEC_ENDS, type ExecChunk, type ExecExit } from '@pizzapi/protocol';
import { Condition } from '../condition.js';
import { SESSION_TAG, signalProcess, sweepSession } from '../../processes.js';
import { OutputBuffer, type OutputStream } from './outputBuffer.js';

/** Output that waits in memory for its caller; the command is paused above it, in bytes. */
export const MAX_WAITING_BYTES = 1024 * 1024;
/** How long the output may stay open after the command has ended, because something that it started holds it, in ms. */
const HELD_OPEN_MS = 500;

export interface CommandSpec {
  id: string;
  argv: readonly [string, ...string[]];
  cwd: string;
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
  maxOutputBytes: number;
}

/** One command with its output. Ends with all that it has started, by their tag and their process group. */
export class RunningCommand {
  readonly id: string;
  /** Resolves when the command has ended, and its output with it. */
  readonly over: Promise<void>;
  private readonly output = new OutputBuffer(EXEC_PAGE_BYTES);
  private readonly changes = new Condition();
  private readonly timer: NodeJS.Timeout;
  private exit: ExecExit | undefined;
  private ended: (typeof EXEC_ENDS)[number] | undefined;
  private sweeping: Promise<void> | undefined;
  private received = 0;
  private writing: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly spec: CommandSpec,
    private readonly child: ChildProcessWithoutNullStreams,
  ) {
    this.id = spec.id;
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].on('data', (bytes: Buffer) => this.heard(stream, bytes));
    // A command need not read its input.
    child.stdin.on('error', () => undefined);
    for (const event of ['drain', 'close']) child.stdin.on(event, () => this.changes.notify());
    this.over = new Promise((resolve) => {
      child.once('exit', (code, signal) => void this.exited(code, signal).then(resolve));
    });
    this.timer = setTimeout(() => void this.end('timeout'), Math.min(spec.timeoutMs, 2 ** 31 - 1));
  }

  /** Starts a command. Throws `exec_failed` with the system's code in `details` when it does not start. */
  static async start(spec: CommandSpec): Promise<RunningCommand> {
    const { argv, cwd, env, id } = spec;
    const [program, ...args] = argv;
    try {
      const child = spawn(program, args, {
        ...{ cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'] },
        env: { ...env, [SESSION_TAG]: id },
      });
      await once(child, 'spawn');
      return new RunningCommand(spec, child);
    } catch (cause) {
      const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown';
      const error = new CodedError('exec_failed', `"${program.slice(0, 200)}" did not start (${errno})`, { cause });
      error.details = { errno };
      throw error;
    }
  }

  get hasEnded(): boolean {
    return this.exit !== undefined;
  }

  /** The output after an offset: waits until there is some, the command has ended, `ms` have passed or `signal` aborts. */
  async read(after: number, ms: number, signal: AbortSignal, forEnd = false): Promise<ExecChunk> {
    // Asks for it first: what the caller has makes room for more.
    this.output.take(after);
    this.flow();
    const isEnough = () =>
      this.exit !== undefined || (forEnd ? this.output.size >= EXEC_PAGE_BYTES : this.output.end > after);
    await this.changes.until(isEnough, ms, signal);
    const { stdout, stderr, next } = this.output.take(after);
    const isLast = this.exit !== undefined && next === this.output.end;
    return {
      execId: this.id,
      stdout: stdout.toString('base64'),
      stderr: stderr.toString('base64'),
      ...(isLast ? { exit: this.exit } : { next }),
    };
  }

  /**
   * Writes to the input of the command once it has read what was written before. Returns the bytes that it was given: fewer
   * than were sent when it has not read within `ms`, or until `signal` aborts.
   */
  async write(offset: number, bytes: Buffer, end: boolean, ms: number, signal: AbortSignal): Promise<number> {
    const { stdin } = this.child;
    const until = performance.now() + ms;
    const step = this.writing.then(async () => {
      if (offset > this.received)
        throw new CodedError('invalid_offset', `The command has received ${this.received} bytes`);
      // An end without bytes does not wait: it needs no room.
      const isBlocked = () => stdin.writableNeedDrain && this.received < offset + bytes.byteLength;
      await this.changes.until(() => !isBlocked(), until - performance.now(), signal);
      if (isBlocked() || signal.aborted) return;
      const rest = bytes.subarray(this.received - offset);
      this.received += rest.byteLength;
      if (rest.byteLength > 0 && stdin.writable) stdin.write(rest);
      if (end && stdin.writable) stdin.end();
    });
    this.writing = step.catch(() => undefined);
    await step;
    return this.received;
  }

  /** Sends a signal to the command and its process group. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid !== undefined && this.exit === undefined) signalProcess(-pid, name);
  }

  /** Ends the command and all that it has started. */
  end(why: (typeof EXEC_ENDS)[number]): Promise<void> {
    if (this.exit === undefined) this.ended ??= why;
    return (this.sweeping ??= this.sweep());
  }

  private async sweep(): Promise<void> {
    const { stdout, stderr } = this.child;
    // The group at first, as one: a process that forks without end outruns a list of processes.
    if (this.exit === undefined) {
      this.signal('SIGTERM');
      await this.changes.until(() => this.exit !== undefined, HELD_OPEN_MS);
      this.signal('SIGKILL');
    }
    await sweepSession(this.id);
    stdout.destroy();
    stderr.destroy();
  }

  private heard(stream: OutputStream, bytes: Buffer): void {
    const room = this.spec.maxOutputBytes - this.output.end;
    this.output.push(stream, bytes.subarray(0, Math.max(0, room)));
    if (bytes.byteLength > room) void this.end('output_limit');
    this.flow();
    this.changes.notify();
  }

  /** Pauses the command while too much of its output waits. */
  private flow(): void {
    const { stdout, stderr } = this.child;
    const isFull = this.output.size >= MAX_WAITING_BYTES && this.sweeping === undefined;
    for (const stream of [stdout, stderr]) if (stream.isPaused() !== isFull) stream[isFull ? 'pause' : 'resume']();
  }

  private async exited(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    // All of its own output, and of what holds the output open only what comes soon.
    const { stdout, stderr } = this.child;
    const isOver = () => [stdout, stderr].every((stream) => stream.readableEnded || stream.destroyed);
    let idleSince = performance.now();
    let seen = -1;
    while (!isOver()) {
      // What waits for the caller is no silence.
      const isPaused = stdout.isPaused() || stderr.isPaused();
      if (this.output.end !== seen || isPaused) idleSince = performance.now();
      seen = this.output.end;
      if (performance.now() - idleSince > HELD_OPEN_MS) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Not earlier: what it left running may print, and so hold this open, for ever.
    clearTimeout(this.timer);
    this.exit = { code, signal, ...(this.ended === undefined ? {} : { ended: this.ended }) };
    stdout.destroy();
    stderr.destroy();
    this.child.stdin.destroy();
    this.changes.notify();
  }
}
