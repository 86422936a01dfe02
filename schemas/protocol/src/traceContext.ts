/**
 * The trace context of the W3C (https://www.w3.org/TR/trace-context/): it goes with a command from a click through every
 * process and back. Pure; runs in browsers.
 */
export interface TraceContext {
  /** 32 hexadecimal digits, not all 0. */
  readonly traceId: string;
  /** The span that the next span is below: 16 hexadecimal digits, not all 0. */
  readonly spanId: string;
  /** Whether a process records spans of this trace. */
  readonly isSampled: boolean;
  /** What other vendors pass on. */
  readonly state?: string;
}

/** The names of the fields, of HTTP headers, headers of messages and fields of frames alike. */
export const TRACE_FIELDS = { parent: 'traceparent', state: 'tracestate' } as const;

const PARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
/** `00-<32 digits>-<16 digits>-<2 digits>` */
const PARENT_CHARS = 55;
const MAX_STATE_CHARS = 512;
const MAX_STATE_MEMBERS = 32;
const STATE_MEMBER =
  /^([a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * Reads a context that a client or a host sent. Returns undefined for anything of another form or length, and drops a
 * `tracestate` that is not valid: then a new trace begins, or the trace continues without it.
 */
export function parseTraceContext(parent: unknown, state?: unknown): TraceContext | undefined {
  if (typeof parent !== 'string' || parent.length !== PARENT_CHARS) return undefined;
  const [, , traceId, spanId, flags] = PARENT.exec(parent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const kept = typeof state === 'string' && isTraceState(state) ? { state } : {};
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1, ...kept };
}

function isTraceState(state: string): boolean {
  if (state === '' || state.length > MAX_STATE_CHARS) return false;
  const members = state.split(',').map((member) => member.trim());
  return members.length <= MAX_STATE_MEMBERS && members.every((member) => STATE_MEMBER.test(member));
}

/** Returns the value of `traceparent`. */
export function formatTraceParent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}

/** Returns a context as the fields of a frame or the headers of a request. */
export function traceFields(context: TraceContext): { traceparent: string; tracestate?: string } {
  const { state } = context;
  return { traceparent: formatTraceParent(context), ...(state === undefined ? {} : { tracestate: state }) };
}

/** Begins a trace that no process records so far. */
export function newTraceContext(): TraceContext {
  return { traceId: randomHex(16), spanId: randomHex(8), isSampled: false };
}

function randomHex(bytes: number): string {
  const digits = [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0'));
  const text = digits.join('');
  return /^0*$/.test(text) ? randomHex(bytes) : text;
}
