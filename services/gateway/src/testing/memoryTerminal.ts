import {
  errorInfo,
  type ErrorInfo,
  type MethodReply,
  type TerminalExit,
  type TerminalMessage,
  type TerminalState,
  type TerminalViewer,
} from '@pizzapi/protocol';
import type { TerminalSource, TerminalMethod } from '../terminals/terminalSource.js';

/** A terminal of a host in memory: prints what it is told to, keeps the last of it, and may lose messages. */
export class MemoryTerminal implements TerminalSource {
  readonly printed: number[] = [];
  readonly asked: { method: TerminalMethod; asked: Record<string, unknown> }[] = [];
  /** Every request is refused with this. */
  refusal: ErrorInfo | undefined;
  /** Messages are published. */
  publishes = true;
  name = 'Terminal 1';
  writer: TerminalViewer | null = null;
  viewers: readonly TerminalViewer[] = [];
  exit: TerminalExit | undefined;
  private no = 1;
  private readonly listeners = new Set<(message: TerminalMessage) => void>();

  constructor(
    private readonly keptBytes = Infinity,
    private readonly pageBytes = Infinity,
    private readonly turns: () => number = () => 0,
  ) {}

  get head(): number {
    return this.printed.length;
  }

  get first(): number {
    return Math.max(0, this.head - this.keptBytes);
  }

  /** The output between two bytes. */
  between(from: number, to: number): number[] {
    return this.printed.slice(from, to);
  }

  print(count: number): void {
    const bytes = Uint8Array.from({ length: count }, (_, at) => (this.head + at) % 251);
    this.printed.push(...bytes);
    if (count > 0) this.publish({ kind: 'output', n: this.head, bytes });
  }

  end(exit: TerminalExit): void {
    this.exit = exit;
    this.changed();
  }

  changed(): void {
    this.no++;
    this.publish({ kind: 'state', state: this.state });
  }

  get state(): TerminalState {
    const { no, first, head, writer, exit } = this;
    const viewers = [...this.viewers];
    return {
      ...{ no, cols: 80, rows: 24, first, head, writer, viewers, name: this.name, cwd: '/work' },
      ...(exit === undefined ? {} : { exit }),
    };
  }

  onChange(): () => void {
    return () => undefined;
  }

  follow(onMessage: (message: TerminalMessage) => void): () => void {
    this.listeners.add(onMessage);
    return () => this.listeners.delete(onMessage);
  }

  call: TerminalSource['call'] = async (_principal, method, asked) => {
    this.asked.push({ method, asked: { ...asked } });
    for (let left = this.turns(); left > 0; left--) await new Promise(setImmediate);
    if (this.refusal !== undefined) return { kind: 'refused', error: this.refusal };
    return { kind: 'ok', reply: this.answer(method, { ...asked }) as MethodReply<typeof method> };
  };

  private answer(method: TerminalMethod, asked: Record<string, unknown>): unknown {
    switch (method) {
      case 'watch_terminal': {
        const viewers = asked['viewers'] as TerminalViewer[];
        if (JSON.stringify(viewers) !== JSON.stringify(this.viewers)) {
          this.viewers = viewers;
          this.writer ??= viewers[0] ?? null;
          this.changed();
        }
        return this.state;
      }
      case 'terminal_output': {
        const from = Math.max(this.first, Math.min(Number(asked['after'] ?? 0), this.head));
        const n = Math.min(this.head, from + this.pageBytes);
        const bytes = Buffer.from(this.between(from, n)).toString('base64');
        return { first: this.first, head: this.head, n, bytes };
      }
      default:
        return {};
    }
  }

  private publish(message: TerminalMessage): void {
    if (this.publishes) for (const listener of this.listeners) listener(message);
  }
}

/** What a host answers that cannot be reached. */
export const LOST = errorInfo('host_lost');
