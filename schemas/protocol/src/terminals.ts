import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { decode, encode } from './codec.js';
import { CodedError } from './codedError.js';
import { ID_PATTERN, newId } from './ids.js';

/**
 * Terminals of hosts (docs/protocol/host-terminals.md): their ids, their state, and what a host publishes of one on
 * `runner.<rid>.terminals.<name>`.
 */

/** How much of its output a terminal keeps, in bytes. */
export const TERMINAL_RING_BYTES = 1024 * 1024;
/** Bytes of input in one frame or request. A client sends more in several. */
export const MAX_TERMINAL_INPUT_BYTES = 64 * 1024;
/** Bytes of output in one frame. */
export const TERMINAL_CHUNK_BYTES = 64 * 1024;
export const MAX_TERMINAL_COLS = 1_000;
export const MAX_TERMINAL_ROWS = 500;
/** Terminals of one host. */
export const MAX_TERMINALS = 32;
/** Connections that watch one terminal at one gateway. */
export const MAX_TERMINAL_VIEWERS = 64;
/** A client may have received so many bytes more than it has said it has taken, when it says so at all. */
export const TERMINAL_WINDOW_BYTES = 256 * 1024;

/** `t_`, a name of 12 letters, `_` and the id of its runner: any gateway finds the host of a terminal by its id. */
export const TERMINAL_ID_PATTERN = '^t_[a-z2-7]{12}_[A-Za-z0-9_-]{1,64}$';
const TERMINAL_ID = /^(t_[a-z2-7]{12})_([A-Za-z0-9_-]{1,64})$/;

/** The parts of the id of a terminal. `name` is its token in subjects. */
export interface TerminalIdParts {
  name: string;
  runnerId: string;
}

/** Returns undefined for a text that is no id of a terminal. */
export function parseTerminalId(text: string): TerminalIdParts | undefined {
  const [, name, runnerId] = TERMINAL_ID.exec(text) ?? [];
  return name === undefined || runnerId === undefined ? undefined : { name, runnerId };
}

/** A new id of a terminal on a runner. */
export function newTerminalId(runnerId: string): string {
  return `t_${newId().slice(0, 12)}_${runnerId}`;
}

const Offset = Type.Integer({ minimum: 0 });
export const TerminalCols = Type.Integer({ minimum: 2, maximum: MAX_TERMINAL_COLS });
export const TerminalRows = Type.Integer({ minimum: 1, maximum: MAX_TERMINAL_ROWS });

/** A connection that watches a terminal, or the person behind it. */
export const TerminalViewer = Type.Object({
  /** The id that the client has chosen and keeps when it reconnects. */
  viewer: Type.String({ pattern: ID_PATTERN }),
  /** The name of the account or of the device. */
  name: Type.String({ maxLength: 200 }),
});
export type TerminalViewer = Static<typeof TerminalViewer>;

/** How a shell has ended. */
export const TerminalExit = Type.Object({
  /** Null when a signal ended it. */
  code: Type.Union([Type.Integer(), Type.Null()]),
  signal: Type.Union([Type.String(), Type.Null()]),
});
export type TerminalExit = Static<typeof TerminalExit>;

/** What a terminal is at one moment. */
export const TerminalState = Type.Object({
  /** Rises with each change: of two states the one with the greater number is the later one. */
  no: Offset,
  cols: TerminalCols,
  rows: TerminalRows,
  /** The output after this byte is kept. */
  first: Offset,
  /** The bytes of output so far. */
  head: Offset,
  /** Who has the keyboard and decides on the size. */
  writer: Type.Union([TerminalViewer, Type.Null()]),
  /** All that watch, at any gateway. */
  viewers: Type.Array(TerminalViewer),
  name: Type.String(),
  cwd: Type.String(),
  /** The shell has ended. */
  exit: Type.Optional(TerminalExit),
});
export type TerminalState = Static<typeof TerminalState>;
export const isTerminalState = checker(TerminalState);

/** A message of `runner.<rid>.terminals.<name>`. */
export type TerminalMessage =
  /** Output. `n`: the bytes of output so far, with these. */
  { kind: 'output'; n: number; bytes: Uint8Array } | { kind: 'state'; state: TerminalState };

const OUTPUT = 0;
const STATE = 1;
const OUTPUT_HEAD = 9;

/** Output as it is published: a zero, `n` as a double (big-endian), and the bytes as they are. */
export function encodeTerminalOutput(n: number, bytes: Uint8Array): Uint8Array {
  const body = new Uint8Array(OUTPUT_HEAD + bytes.byteLength);
  body[0] = OUTPUT;
  new DataView(body.buffer).setFloat64(1, n);
  body.set(bytes, OUTPUT_HEAD);
  return body;
}

/** A state as it is published: a one, and the state as msgpack. */
export function encodeTerminalState(state: TerminalState): Uint8Array {
  const packed = encode(state);
  const body = new Uint8Array(1 + packed.byteLength);
  body[0] = STATE;
  body.set(packed, 1);
  return body;
}

/** Returns undefined for bytes that are no message of a terminal: a host may publish anything. */
export function decodeTerminalMessage(body: Uint8Array): TerminalMessage | undefined {
  if (body[0] === OUTPUT && body.byteLength > OUTPUT_HEAD) {
    const n = new DataView(body.buffer, body.byteOffset, body.byteLength).getFloat64(1);
    const bytes = body.subarray(OUTPUT_HEAD);
    return Number.isSafeInteger(n) && n >= bytes.byteLength ? { kind: 'output', n, bytes } : undefined;
  }
  if (body[0] !== STATE) return undefined;
  try {
    const state = decode(body.subarray(1));
    return isTerminalState(state) ? { kind: 'state', state } : undefined;
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}
