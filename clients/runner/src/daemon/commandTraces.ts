import type { Command, TraceContext } from '@pizzapi/protocol';

/** The trace that a command in hand belongs to. */
export class CommandTraces {
  private readonly traces = new WeakMap<Command, TraceContext>();

  set(command: Command, trace: TraceContext): void {
    this.traces.set(command, trace);
  }

  /** A command that was recovered by another process has none. */
  of(command: Command): TraceContext | undefined {
    return this.traces.get(command);
  }
}
