import type { Span, Tracing } from '@pizzapi/process';
import { BoundedMap, type SessionEvent, type TraceContext } from '@pizzapi/protocol';

/** Inputs whose trace is remembered until the agent reads them. */
const REMEMBERED = 256;
/** Calls whose spans are open at once. */
const MAX_CALLS = 256;

/**
 * Finds the trace that each event of a session belongs to: an input begins a run when the agent reads it, and the calls of
 * tools are spans below the run. Takes the events in the order of the log; the same event twice is harmless.
 */
export class RunTraces {
  private readonly inputs = new BoundedMap<string, TraceContext>(REMEMBERED);
  private hasInputs = false;
  private isWorking = false;
  private run: Span | undefined;
  private readonly calls = new Map<string, Span>();

  constructor(
    private readonly tracing: Tracing,
    private readonly sid: string,
  ) {}

  /** A command with this trace is carried out. A trace that no process records costs nothing from here on. */
  begin(commandId: string, trace: TraceContext): void {
    if (!trace.isSampled && !this.tracing.isOn) return;
    // What other vendors pass on is not stored with every event.
    const { state: _state, ...own } = trace;
    this.inputs.set(commandId, own);
    this.hasInputs = true;
  }

  /** The trace of an event, or undefined for one that belongs to none that is recorded. */
  contextOf(event: SessionEvent): TraceContext | undefined {
    if (!this.hasInputs) return undefined;
    const context = this.find(event);
    return context?.isSampled === true ? context : undefined;
  }

  private find(event: SessionEvent): TraceContext | undefined {
    switch (event.type) {
      case 'input_received':
      case 'command_result':
        return this.inputs.get(event.commandId) ?? this.run?.context;
      case 'input_delivered':
        return this.delivered(event.commandId);
      case 'agent_start':
        this.isWorking = true;
        return this.run?.context;
      case 'tool_execution_start':
        return this.called(event);
      case 'tool_execution_end':
        return this.returned(event);
      case 'agent_end':
        return this.ended();
      default:
        return this.run?.context;
    }
  }

  /** The session stops: what is open ends. */
  stop(): void {
    this.ended();
  }

  /** The agent reads an input. It begins a run, or joins the one under way. */
  private delivered(commandId: string): TraceContext | undefined {
    const trace = this.inputs.get(commandId);
    if (trace === undefined) return this.run?.context;
    // An input that an extension takes begins no work, and nothing ends its run.
    if (!this.isWorking) this.ended();
    const attributes = { 'pizzapi.session': this.sid };
    this.run ??= this.tracing.start('run', { parent: trace, attributes });
    return this.run.context;
  }

  private called(event: Extract<SessionEvent, { type: 'tool_execution_start' }>): TraceContext | undefined {
    const { toolCallId, toolName, parentToolCallId } = event;
    const known = this.calls.get(toolCallId);
    if (known !== undefined) return known.context;
    if (this.run === undefined) return undefined;
    if (this.calls.size >= MAX_CALLS) return this.run.context;
    const parent = (parentToolCallId === undefined ? undefined : this.calls.get(parentToolCallId)) ?? this.run;
    const attributes = { 'pizzapi.session': this.sid, 'pizzapi.tool': toolName.slice(0, 64) };
    const span = this.tracing.start(`tool ${toolName.slice(0, 64)}`, { parent: parent.context, attributes });
    this.calls.set(toolCallId, span);
    return span.context;
  }

  private returned({
    toolCallId,
    isError,
  }: Extract<SessionEvent, { type: 'tool_execution_end' }>): TraceContext | undefined {
    const span = this.calls.get(toolCallId);
    if (span === undefined) return this.run?.context;
    this.calls.delete(toolCallId);
    span.end(isError === true ? 'tool_failed' : undefined);
    return span.context;
  }

  private ended(): TraceContext | undefined {
    const { run } = this;
    for (const span of this.calls.values()) span.end('interrupted');
    this.calls.clear();
    run?.end();
    this.run = undefined;
    this.isWorking = false;
    return run?.context;
  }
}
