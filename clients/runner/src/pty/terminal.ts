import {
  CodedError,
  TERMINAL_CHUNK_BYTES,
  TERMINAL_RING_BYTES,
  type TerminalExit,
  type TerminalState,
} from '@pizzapi/protocol';
import type { TerminalFigures, TerminalNotice, TerminalOutput, TerminalSpec } from './messages.js';
import { OutputCoalescer } from './outputCoalescer.js';
import { OutputRing } from './outputRing.js';
import { Pty } from './pty.js';
import { Watchers, type WatchReport } from './watchers.js';

/** How often gateways and idle time are checked, in ms. */
const LOOK_MS = 1_000;

export interface TerminalDeps {
  notify: (notice: TerminalNotice) => void;
  /** The shell has ended, or the terminal was not used for too long. Called once. */
  onOver: (why: 'exit' | 'idle') => void;
  /** How often gateways and idle time are checked, in ms. */
  lookMs?: number;
}

/** One terminal: its shell, its output, who watches it and who types. */
export class Terminal {
  private readonly ring = new OutputRing(TERMINAL_RING_BYTES);
  private readonly watchers = new Watchers();
  private readonly coalescer = new OutputCoalescer({ onChunk: (bytes) => this.print(bytes) });
  private readonly looking: NodeJS.Timeout;
  private readonly pty: Pty;
  /** The bytes of output that were handed over. */
  private printed = 0;
  private no = 1;
  private shown = '';
  private name: string;
  private size: { cols: number; rows: number };
  private exit: TerminalExit | undefined;
  private isPaused = false;
  private usedAt = Date.now();

  private constructor(
    private readonly spec: TerminalSpec,
    private readonly deps: TerminalDeps,
  ) {
    const { name, cols, rows, cwd, argv, env } = spec;
    this.name = name;
    this.size = { cols, rows };
    this.pty = Pty.start({
      ...{ argv, cwd, env, cols, rows },
      onOutput: (bytes) => this.heard(bytes),
      onExit: (exit) => this.ended(exit),
    });
    this.looking = setInterval(() => this.look(), deps.lookMs ?? LOOK_MS);
  }

  /** Throws `terminal_failed`. */
  static open(spec: TerminalSpec, deps: TerminalDeps): Terminal {
    return new Terminal(spec, deps);
  }

  get pid(): number {
    return this.pty.pid;
  }

  get hasEnded(): boolean {
    return this.exit !== undefined;
  }

  get state(): TerminalState {
    const { ring, watchers, name, size, exit } = this;
    return {
      no: this.no,
      ...size,
      first: ring.first,
      head: ring.head,
      writer: watchers.writer,
      viewers: watchers.viewers,
      name,
      cwd: this.spec.cwd,
      ...(exit === undefined ? {} : { exit }),
    };
  }

  get figures(): TerminalFigures {
    return { state: this.state, usedAt: this.watchers.isWatched ? Date.now() : this.usedAt };
  }

  watch(report: WatchReport): TerminalState {
    this.watchers.report(report);
    this.changed();
    this.flow();
    return this.state;
  }

  /** No gateway is reached any more. */
  unwatch(): void {
    this.watchers.clear();
    this.changed();
    this.flow();
  }

  take(viewer: string): void {
    if (!this.watchers.take(viewer))
      throw new CodedError('terminal_unknown', 'This viewer does not watch the terminal');
    this.changed();
  }

  input(bytes: Uint8Array, viewer: string | undefined): void {
    this.requireKeyboard(viewer);
    this.pty.write(bytes);
  }

  resize(cols: number, rows: number, viewer: string | undefined): void {
    this.requireKeyboard(viewer);
    if (cols === this.size.cols && rows === this.size.rows) return;
    this.size = { cols, rows };
    this.pty.resize(cols, rows);
    this.changed();
  }

  rename(name: string): void {
    this.name = name;
    this.changed();
  }

  output(after: number, maxBytes: number): TerminalOutput {
    const { first, head } = this.ring;
    return { first, head, ...this.ring.read(after, Math.min(maxBytes, TERMINAL_CHUNK_BYTES * 4)) };
  }

  /** Ends the reading of output and the timers. */
  close(): void {
    clearInterval(this.looking);
    this.coalescer.flush();
  }

  private requireKeyboard(viewer: string | undefined): void {
    this.usedAt = Date.now();
    if (!this.watchers.mayWrite(viewer)) {
      const { writer } = this.watchers;
      throw new CodedError('keyboard_taken', `${writer?.name ?? 'Another viewer'} has the keyboard`);
    }
    this.changed();
  }

  private heard(bytes: Uint8Array): void {
    this.ring.push(bytes);
    this.coalescer.push(bytes);
    this.flow();
  }

  private print(bytes: Uint8Array): void {
    this.printed += bytes.byteLength;
    if (this.watchers.isWatched) this.deps.notify({ type: 'printed', n: this.printed, bytes });
  }

  /** Pauses the shell while its writer lacks too much of the output. */
  private flow(): void {
    const isFull = this.watchers.holdsBack(this.ring.head, this.isPaused);
    if (isFull === this.isPaused) return;
    this.isPaused = isFull;
    if (isFull) this.pty.pause();
    else this.pty.resume();
  }

  private ended(exit: TerminalExit): void {
    this.exit = exit;
    this.changed();
    this.deps.onOver('exit');
  }

  private look(): void {
    this.watchers.expire();
    this.changed();
    this.flow();
    if (this.watchers.isWatched) this.usedAt = Date.now();
    const { idleMs } = this.spec;
    if (idleMs > 0 && this.exit === undefined && Date.now() - this.usedAt > idleMs) this.deps.onOver('idle');
  }

  /** Says what has changed, behind all output before it. */
  private changed(): void {
    const { first: _first, head: _head, no: _no, ...shown } = this.state;
    const text = JSON.stringify(shown);
    if (text === this.shown) return;
    this.shown = text;
    this.no++;
    this.coalescer.flush();
    this.deps.notify({ type: 'state', state: this.state });
  }
}
