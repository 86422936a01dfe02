import type { ErrorInfo, TerminalState } from '@pizzapi/protocol';
import type { WatchReport } from './watchers.js';

/**
 * What the daemon and the process of a terminal say to each other over its socket. The process may be of an earlier version
 * than the daemon: it lives on when the daemon is updated.
 */
export const TERMINAL_IPC_VERSION = 1;

/** What a terminal is opened with. */
export interface TerminalSpec {
  terminalId: string;
  name: string;
  cwd: string;
  cols: number;
  rows: number;
  /** The program and its arguments. */
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  /** The terminal ends after so much time without viewers, in ms. 0: never. */
  idleMs: number;
}

/** A part of the output that is kept. */
export interface TerminalOutput {
  first: number;
  head: number;
  n: number;
  bytes: Uint8Array;
}

/** What a list shows of a terminal, beside what its record has. */
export interface TerminalFigures {
  state: TerminalState;
  /** When a person last watched it, ms since epoch. */
  usedAt: number;
}

/** A request of the daemon, with what answers it. */
export interface TerminalRequests {
  open: { ask: { spec: TerminalSpec }; answer: TerminalState };
  watch: { ask: { report: WatchReport }; answer: TerminalState };
  take: { ask: { viewer: string }; answer: null };
  input: { ask: { bytes: Uint8Array; viewer?: string }; answer: null };
  resize: { ask: { cols: number; rows: number; viewer?: string }; answer: null };
  rename: { ask: { name: string }; answer: null };
  output: { ask: { after: number; maxBytes: number }; answer: TerminalOutput };
  figures: { ask: object; answer: TerminalFigures };
  /** Ends the shell and all that it has started, and then this process. */
  kill: { ask: object; answer: null };
}

export type TerminalRequestName = keyof TerminalRequests;
export type TerminalRequest = {
  [N in TerminalRequestName]: { type: N; ref: number } & TerminalRequests[N]['ask'];
}[TerminalRequestName];
export type TerminalAnswer<N extends TerminalRequestName> = TerminalRequests[N]['answer'];

/** What the process of a terminal says unasked. */
export type TerminalNotice =
  /** The first message. `state`: of a terminal that was opened before. */
  | { type: 'hello'; version: number; pid: number; state?: TerminalState }
  /** Output, while a gateway watches. */
  | { type: 'printed'; n: number; bytes: Uint8Array }
  | { type: 'state'; state: TerminalState };

export type TerminalProcessMessage =
  TerminalNotice | { type: 'reply'; ref: number; answer: unknown } | { type: 'refused'; ref: number; error: ErrorInfo };
