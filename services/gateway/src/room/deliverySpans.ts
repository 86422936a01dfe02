import type { Span, Tracing } from '@pizzapi/process';
import type { SourceEvent } from './source.js';

/** A host names the type of an event: its name in a span is bounded. */
const MAX_TYPE_CHARS = 64;

/** The spans of the events that a room is about to write to its viewers. Only where spans are recorded. */
export class DeliverySpans {
  private open: Span[] = [];

  constructor(
    private readonly tracing: Tracing,
    private readonly sid: string,
  ) {}

  /** Begins a span for each event of a run that is recorded. */
  arrived(batch: readonly SourceEvent[]): void {
    for (const { trace, type = 'event' } of batch) {
      if (trace?.isSampled !== true) continue;
      const attributes = { 'pizzapi.session': this.sid };
      const name = `deliver ${type.slice(0, MAX_TYPE_CHARS)}`;
      this.open.push(this.tracing.start(name, { parent: trace, kind: 'consumer', attributes }));
    }
  }

  /** The events that have arrived were written to so many viewers. */
  delivered(viewers: number): void {
    const spans = this.open;
    if (spans.length === 0) return;
    this.open = [];
    for (const span of spans) span.end(undefined, { 'pizzapi.viewers': viewers });
  }
}
