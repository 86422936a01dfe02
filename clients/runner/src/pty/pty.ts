import { closeSync, constants as fsConstants, openSync } from 'node:fs';
import { constants } from 'node:os';
import { CodedError, type TerminalExit } from '@pizzapi/protocol';
import { spawn, type IPty } from '@lydell/node-pty';
import { signalProcess } from '../processes.js';

/** Input that a program does not read waits up to so many bytes; further input is refused. */
const MAX_WAITING_INPUT = 1024 * 1024;
/** How often a paused terminal checks that its shell runs, in ms: its last output would be lost. */
const LOOK_MS = 50;

export interface PtyOptions {
  argv: readonly [string, ...string[]];
  cwd: string;
  env: Readonly<Record<string, string>>;
  cols: number;
  rows: number;
  onOutput: (bytes: Uint8Array) => void;
  /** Called once, after all output. */
  onExit: (exit: TerminalExit) => void;
}

/** A shell at a PTY. */
export class Pty {
  readonly pid: number;
  private ended = false;
  private looking: NodeJS.Timeout | undefined;

  private constructor(private readonly pty: IPty) {
    this.pid = pty.pid;
  }

  /** Throws `terminal_failed` when the program does not start. */
  static start({ argv, cwd, env, cols, rows, onOutput, onExit }: PtyOptions): Pty {
    const [program, ...args] = argv;
    const started = open(program, args, { name: 'xterm-256color', cols, rows, cwd, env: { ...env }, encoding: null });
    const pty = new Pty(started);
    const closeSlave = openSlave(started);
    started.onData((data: string | Uint8Array) => onOutput(typeof data === 'string' ? Buffer.from(data) : data));
    started.onExit(({ exitCode, signal }) => {
      pty.ended = true;
      clearInterval(pty.looking);
      closeSlave();
      onExit(exitOf(exitCode, signal));
    });
    return pty;
  }

  /** Throws `rpc_busy` while too much waits that the program has not read. */
  write(bytes: Uint8Array): void {
    if (this.ended) return;
    if (waitingInput(this.pty) > MAX_WAITING_INPUT)
      throw new CodedError('rpc_busy', 'The program in the terminal does not read its input');
    // The types of the library know texts only; it writes bytes as they are.
    const target: { write(data: string | Uint8Array): void } = this.pty;
    target.write(bytes);
  }

  resize(cols: number, rows: number): void {
    if (!this.ended) this.pty.resize(cols, rows);
  }

  /** The program blocks when it prints on. */
  pause(): void {
    if (this.ended || this.looking !== undefined) return;
    this.pty.pause();
    this.looking = setInterval(() => !signalProcess(this.pid, 0) && this.resume(), LOOK_MS);
  }

  resume(): void {
    clearInterval(this.looking);
    this.looking = undefined;
    if (!this.ended) this.pty.resume();
  }
}

function open(program: string, args: string[], options: Parameters<typeof spawn>[2]): IPty {
  try {
    return spawn(program, args, options);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('terminal_failed', `"${program}" did not start: ${reason.slice(0, 200)}`, { cause });
  }
}

/**
 * Keeps the other end of the PTY open. Without this the kernel ends the reading when the shell does, before its last output was
 * read; the library itself ends it 200 ms after the shell. Returns what closes it.
 */
function openSlave(pty: object): () => void {
  const path: unknown = Reflect.get(pty, 'ptsName');
  if (typeof path !== 'string' || path === '') return () => undefined;
  try {
    const fd = openSync(path, fsConstants.O_RDWR | fsConstants.O_NOCTTY);
    return () => closeSync(fd);
  } catch {
    return () => undefined;
  }
}

/** What waits to be written. The library keeps it in the socket that it writes to. */
function waitingInput(pty: object): number {
  const socket: unknown = Reflect.get(pty, '_socket');
  if (typeof socket !== 'object' || socket === null) return 0;
  const length: unknown = Reflect.get(socket, 'writableLength');
  return typeof length === 'number' ? length : 0;
}

function exitOf(exitCode: number, signal: number | undefined): TerminalExit {
  if (signal === undefined || signal === 0) return { code: exitCode, signal: null };
  const found = Object.entries(constants.signals).find(([, number]) => number === signal);
  return { code: null, signal: found?.[0] ?? String(signal) };
}
