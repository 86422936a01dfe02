import { parseTraceContext, type TraceContext } from '@pizzapi/protocol';

/**
 * The trace context that a client sent. Whether the trace is recorded is for the relay to decide: a client could otherwise have
 * it record everything.
 */
export function clientTrace(parent: unknown, state: unknown): TraceContext | undefined {
  const context = parseTraceContext(parent, state);
  return context && { ...context, isSampled: false };
}
