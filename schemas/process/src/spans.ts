import { newTraceContext, type TraceContext } from '@pizzapi/protocol';

export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanOptions {
  /** The context that came with the work; a new trace begins without one. */
  parent?: TraceContext | undefined;
  /** `server`: a process asked from outside. `consumer`: it came by a stream. */
  kind?: 'server' | 'consumer' | 'internal';
  attributes?: SpanAttributes;
}

/** A stretch of work in a trace. */
export interface Span {
  /** What goes with the work that this span causes. */
  readonly context: TraceContext;
  /** Ends the span. `error`: the code of what failed. */
  end(error?: string, attributes?: SpanAttributes): void;
}

/** The spans of a process. Without an exporter a span only passes the context on. */
export interface Tracing {
  /** Whether spans are recorded. What happens at every event asks this first. */
  readonly isOn: boolean;
  start(name: string, options: SpanOptions): Span;
  /** Sends what is recorded. */
  close(): Promise<void>;
}

/** Records nothing. */
export const noTracing: Tracing = {
  isOn: false,
  start: (_name, { parent }) => ({ context: parent ?? newTraceContext(), end: () => undefined }),
  close: () => Promise.resolve(),
};
