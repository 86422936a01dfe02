import Type, { type Static } from 'typebox';
import { errorInfo } from './codedError.js';
import { frameParser, VIEWER_DOWN, VIEWER_UP, type ParsedFrame } from './frames.js';
import { ID_PATTERN } from './ids.js';
import { isMap } from './json.js';
import { MAX_TERMINAL_INPUT_BYTES, TerminalCols, TerminalExit, TerminalRows, TerminalViewer } from './terminals.js';

/**
 * The frames of `/ws/terminals/:tid` (docs/protocol/host-terminals.md). `bytes` are `bin` in msgpack, and base64 in the
 * subprotocol of JSON.
 */
const Offset = Type.Integer({ minimum: 0 });
const Bytes = Type.Unsafe<Uint8Array>({ description: 'bin in msgpack, base64 in JSON' });
const frame = <T extends string, P extends Type.TProperties>(type: T, fields: P) =>
  Type.Object({ type: Type.Literal(type), ...fields });

/** The frames that a viewer of a terminal may send. `resume` must be the first one and may be sent only once. */
export const TERMINAL_UP = {
  resume: frame('resume', {
    /** `n` of the last `terminal_data` that the client has. Missing: all output that is kept. */
    after: Type.Optional(Offset),
    /** The client's own id, which it keeps over reconnections: with it the keyboard stays with the same person. */
    viewer: Type.Optional(Type.String({ pattern: ID_PATTERN })),
    /** What others see behind the name of the account: the device, for example. */
    label: Type.Optional(Type.String({ maxLength: 60 })),
    /** The client says with `terminal_taken` how far it has got. Without it the network alone holds the output back. */
    takes: Type.Optional(Type.Boolean()),
  }),
  /** Only from the viewer that has the keyboard, or while it is free. */
  terminal_input: frame('terminal_input', { bytes: Bytes }),
  /** Only from the viewer that has the keyboard, or while it is free. */
  terminal_resize: frame('terminal_resize', { cols: TerminalCols, rows: TerminalRows }),
  /** From now on this viewer has the keyboard, and decides on the size. */
  take_keyboard: frame('take_keyboard', {}),
  /** The client has shown the output up to here. */
  terminal_taken: frame('terminal_taken', { n: Offset }),
  /** Ends the shell and all that it has started. */
  kill_terminal: frame('kill_terminal', {}),
  ping: VIEWER_UP.ping,
} as const;

const Writer = Type.Union([TerminalViewer, Type.Null()]);
const Shown = {
  cols: TerminalCols,
  rows: TerminalRows,
  writer: Writer,
  /** All that watch, at any gateway. */
  viewers: Type.Array(TerminalViewer),
  name: Type.String(),
} as const;

/** The frames that the gateway sends to a viewer of a terminal. */
export const TERMINAL_DOWN = {
  /** The greeting. The client answers with `resume`. */
  terminal_connected: frame('terminal_connected', {
    protocol: Type.Literal(1),
    terminalId: Type.String(),
    runnerId: Type.String(),
    cwd: Type.String(),
    /** The output after byte `first` is kept; `head` bytes were printed so far. */
    first: Offset,
    head: Offset,
    ...Shown,
  }),
  /** What comes next begins after byte `first`. What was before is not kept any longer: the client clears its screen. */
  terminal_reset: frame('terminal_reset', { first: Offset }),
  /** `n`: the bytes of output so far, with these. */
  terminal_data: frame('terminal_data', { n: Offset, bytes: Bytes }),
  /** The replay has ended: what comes now comes as it is printed. `viewer`: the id of this connection. */
  terminal_ready: frame('terminal_ready', { n: Offset, viewer: Type.String() }),
  /** The size, the keyboard, the watchers or the name have changed. */
  terminal_state: frame('terminal_state', Shown),
  /** The shell has ended. All its output was sent before. */
  terminal_exit: frame('terminal_exit', TerminalExit.properties),
  terminal_error: frame('terminal_error', { code: Type.String(), message: Type.String() }),
  /** The host cannot be reached, or is back. What it prints meanwhile follows then. */
  host: VIEWER_DOWN.host,
  pong: VIEWER_DOWN.pong,
} as const;

type FrameOf<T extends Record<string, Type.TSchema>> = { [K in keyof T]: Static<T[K]> }[keyof T];
export type TerminalUpFrame = FrameOf<typeof TERMINAL_UP>;
export type TerminalDownFrame = FrameOf<typeof TERMINAL_DOWN>;

const parse = frameParser<TerminalUpFrame>(TERMINAL_UP);
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Bytes of a frame of either subprotocol, or undefined. */
export function frameBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string' || !BASE64.test(value)) return undefined;
  try {
    return Uint8Array.from(atob(value), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Bytes as base64, in a browser too. */
export function base64Of(bytes: Uint8Array): string {
  let text = '';
  const step = 0x2000;
  for (let at = 0; at < bytes.length; at += step) text += String.fromCharCode(...bytes.subarray(at, at + step));
  return btoa(text);
}

/** Reads a frame of a viewer of a terminal. Its `bytes` are bytes, whichever subprotocol they came by. */
export function parseTerminalUp(value: unknown): ParsedFrame<TerminalUpFrame> {
  if (!isMap(value) || value['type'] !== 'terminal_input') return parse(value);
  const bytes = frameBytes(value['bytes']);
  const invalid = (what: string): ParsedFrame<TerminalUpFrame> => ({
    kind: 'invalid',
    error: errorInfo('bad_frame', `terminal_input: ${what}`),
  });
  if (bytes === undefined) return invalid('/bytes must be bytes');
  if (bytes.byteLength > MAX_TERMINAL_INPUT_BYTES)
    return invalid(`/bytes must have at most ${MAX_TERMINAL_INPUT_BYTES} bytes`);
  return { kind: 'frame', frame: { type: 'terminal_input', bytes } };
}
