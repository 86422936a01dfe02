import { encode } from '@pizzapi/protocol';
import type { SessionSource, SourceEvent, TailSink } from '../room/source.js';

/**
 * A session's log in memory, for tests that play with the order in which things happen: every answer takes as many
 * turns of the event loop as `turns` says.
 */
export class MemorySource implements SessionSource {
  readonly events: SourceEvent[] = [];
  reads = 0;
  /** What the host says is open. */
  open: { n: number; text: string } | undefined;
  partials = 0;
  private readonly sinks = new Set<{ sink: TailSink; at: number }>();
  private delivering: Promise<void> = Promise.resolve();

  constructor(
    private readonly turns: () => number = () => 0,
    private readonly batch = 3,
  ) {}

  append(count: number): void {
    for (let i = 0; i < count; i++) {
      const seq = (this.events.at(-1)?.seq ?? 0) + 1 + (this.events.length % 3);
      this.events.push({ seq, payload: encode({ type: 'x', at: seq }) });
    }
    this.delivering = this.delivering.then(() => this.deliver());
  }

  /** A piece, heard at once. */
  piece(n: number): void {
    const bytes = encode({ type: 'text_delta', at: 0, n, messageId: 'm', index: 0, text: `${n};` });
    for (const { sink } of this.sinks) sink.onDelta(bytes);
  }

  async head(): Promise<{ first: number; last: number }> {
    await this.pass();
    return { first: this.events[0]?.seq ?? 0, last: this.events.at(-1)?.seq ?? 0 };
  }

  async *read(after: number, upTo: number, signal: AbortSignal): AsyncGenerator<SourceEvent[], void, void> {
    this.reads++;
    let at = after;
    while (!signal.aborted) {
      await this.pass();
      const from = at;
      const found = this.events.filter(({ seq }) => seq > from && seq <= upTo).slice(0, this.batch);
      if (found.length === 0) return;
      at = found.at(-1)!.seq;
      yield found;
    }
  }

  async tail(after: number, sink: TailSink): Promise<{ stop(): Promise<void> }> {
    const entry = { sink, at: after };
    await this.pass();
    this.sinks.add(entry);
    await this.deliver();
    return { stop: async () => void this.sinks.delete(entry) };
  }

  async partial(): Promise<Uint8Array | undefined> {
    this.partials++;
    const { open } = this;
    await this.pass();
    if (open === undefined) return undefined;
    const blocks = [{ index: 0, kind: 'text', text: open.text }];
    return encode({ n: open.n, open: [{ messageId: 'm', blocks }], tools: [] });
  }

  async offsetBefore(): Promise<number> {
    await this.pass();
    return 0;
  }

  private async deliver(): Promise<void> {
    await this.pass();
    for (const entry of this.sinks) {
      const batch = this.events.filter(({ seq }) => seq > entry.at);
      entry.at = batch.at(-1)?.seq ?? entry.at;
      if (batch.length > 0) entry.sink.onEvents(batch);
    }
  }

  private async pass(): Promise<void> {
    for (let i = this.turns(); i > 0; i--) await new Promise(setImmediate);
  }
}
