import type { Span, SpanOptions, Tracing } from '@pizzapi/process';
import { newTraceContext, type SessionEvent, type TraceContext } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { RunTraces } from './runTraces.js';

interface Recorded {
  name: string;
  parent: string | undefined;
  spanId: string;
  error?: string | undefined;
  isOver: boolean;
}

/** Records spans in memory. */
function recorder(): Tracing & { spans: Recorded[] } {
  const spans: Recorded[] = [];
  return {
    spans,
    isOn: true,
    start(name: string, { parent }: SpanOptions): Span {
      const context: TraceContext = {
        ...newTraceContext(),
        ...(parent && { traceId: parent.traceId }),
        isSampled: true,
      };
      const recorded: Recorded = { name, parent: parent?.spanId, spanId: context.spanId, isOver: false };
      spans.push(recorded);
      return {
        context,
        end: (error) => void Object.assign(recorded, { isOver: true }, error === undefined ? {} : { error }),
      };
    },
    close: () => Promise.resolve(),
  };
}

const CLICK: TraceContext = { ...newTraceContext(), isSampled: true };
const event = (type: string, fields: object = {}) => ({ type, at: 1, ...fields }) as unknown as SessionEvent;
const received = event('input_received', { commandId: 'c1', text: 'x' });
const delivered = event('input_delivered', { commandId: 'c1' });
const call = (toolCallId: string, more: object = {}) =>
  event('tool_execution_start', { toolCallId, toolName: 'bash', args: {}, ...more });
const result = (toolCallId: string, isError = false) =>
  event('tool_execution_end', { toolCallId, toolName: 'bash', result: '', isError });

describe('the trace of the events of a session', () => {
  it('goes from the input to the run, to the calls of tools below it, and ends with the run', () => {
    const tracing = recorder();
    const traces = new RunTraces(tracing, 's');
    traces.begin('c1', CLICK);
    const all = [received, event('agent_start'), delivered, event('message_start'), call('t1'), result('t1', true)];
    const ids = [...all, event('agent_end'), event('session_name')].map((one) => traces.contextOf(one)?.spanId);
    const [run, tool] = tracing.spans;
    expect(tracing.spans).toEqual([
      { name: 'run', parent: CLICK.spanId, spanId: run!.spanId, isOver: true },
      { name: 'tool bash', parent: run!.spanId, spanId: tool!.spanId, isOver: true, error: 'tool_failed' },
    ]);
    expect(ids).toEqual([
      CLICK.spanId,
      undefined,
      run!.spanId,
      run!.spanId,
      tool!.spanId,
      tool!.spanId,
      run!.spanId,
      undefined,
    ]);
  });

  it('a call that a tool made is below the call of that tool', () => {
    const tracing = recorder();
    const traces = new RunTraces(tracing, 's');
    traces.begin('c1', CLICK);
    for (const one of [delivered, call('t1'), call('t2', { parentToolCallId: 't1' })]) traces.contextOf(one);
    expect(tracing.spans.map(({ parent }) => parent)).toEqual([
      CLICK.spanId,
      tracing.spans[0]!.spanId,
      tracing.spans[1]!.spanId,
    ]);
  });

  it('an event that is asked for twice has one span', () => {
    const tracing = recorder();
    const traces = new RunTraces(tracing, 's');
    traces.begin('c1', CLICK);
    for (const one of [event('agent_start'), delivered, delivered, call('t1'), call('t1')]) traces.contextOf(one);
    expect(tracing.spans.map(({ name }) => name)).toEqual(['run', 'tool bash']);
  });

  it('an input that joins a run belongs to that run, and an input that began none does not hold the next', () => {
    const tracing = recorder();
    const traces = new RunTraces(tracing, 's');
    const other: TraceContext = { ...newTraceContext(), isSampled: true };
    traces.begin('c1', CLICK);
    traces.begin('c2', other);
    const joins = event('input_delivered', { commandId: 'c2' });
    // An extension swallows the first: no agent starts.
    traces.contextOf(delivered);
    traces.contextOf(joins);
    expect(tracing.spans.map(({ parent, isOver }) => [parent, isOver])).toEqual([
      [CLICK.spanId, true],
      [other.spanId, false],
    ]);
    traces.contextOf(event('agent_start'));
    traces.begin('c3', CLICK);
    const steered = traces.contextOf(event('input_delivered', { commandId: 'c3' }));
    expect(steered?.traceId).toBe(other.traceId);
  });

  it('what other vendors pass on is not stored with the events', () => {
    const traces = new RunTraces(recorder(), 's');
    traces.begin('c1', { ...CLICK, state: 'vendor=x' });
    expect(traces.contextOf(received)).toEqual(CLICK);
  });

  it('a trace that no process records costs nothing: no event gets a header', () => {
    const traces = new RunTraces({ ...recorder(), isOn: false }, 's');
    traces.begin('c1', { ...CLICK, isSampled: false });
    expect([received, delivered, call('t1')].map((one) => traces.contextOf(one))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('what is open ends when the session stops', () => {
    const tracing = recorder();
    const traces = new RunTraces(tracing, 's');
    traces.begin('c1', CLICK);
    for (const one of [delivered, call('t1')]) traces.contextOf(one);
    traces.stop();
    expect(tracing.spans.map(({ isOver, error }) => [isOver, error])).toEqual([
      [true, undefined],
      [true, 'interrupted'],
    ]);
  });
});
