import {
  base64Of,
  errorInfo,
  frameBytes,
  isErrorCode,
  isMap,
  MAX_TERMINAL_INPUT_BYTES,
  newId,
  parseTerminalId,
  type ErrorInfo,
  type TerminalDownFrame,
  type TerminalExit,
  type TerminalViewer,
} from '@pizzapi/protocol';
import { Connection, SYSTEM_CLOCK, probeWith, versionProblem, type ConnectOptions } from './connection.js';
import type { ConnectionState } from './connectionMachine.js';
import { viewOf, type ConnectionView } from './connectionView.js';
import { id } from './http.js';

export interface TerminalConnectionOptions extends ConnectOptions {
  terminalId: string;
  /** Output after this byte only. Default: all that is kept. */
  after?: number;
  /** The id of this viewer, which keeps the keyboard when the page is loaded again. Default: a new one. */
  viewer?: string;
  /** What other viewers see behind the name of the account, such as "phone". */
  label?: string;
}

/** What a terminal is now, as the gateway last said. */
export interface ConnectedTerminal {
  cols: number;
  rows: number;
  name: string;
  cwd: string;
  /** Who has the keyboard and decides on the size. */
  writer: TerminalViewer | null;
  viewers: readonly TerminalViewer[];
}

/** What has changed since the listener was last called. */
export interface TerminalChange {
  connection: boolean;
  /** `view` or `host`. */
  view: boolean;
  exit: boolean;
  problem: boolean;
}

/**
 * Gets output in its order, each byte once. It calls `taken` when it has shown the bytes: only then more comes than
 * `TERMINAL_WINDOW_BYTES` beyond them.
 */
export type TerminalDataListener = (bytes: Uint8Array, taken: () => void) => void;

/** The client says that it has taken output after so many bytes. */
const TAKEN_STEP = 32 * 1024;
/** How long a program sees another size, so that it draws its screen anew, in ms. */
const REDRAW_MS = 100;

const noChange = (): TerminalChange => ({ connection: false, view: false, exit: false, problem: false });

/**
 * A terminal as one viewer sees it. Keeps the connection, continues exactly where it was, and says who has the keyboard. What
 * is typed while there is no connection is not sent.
 */
export class TerminalConnection {
  readonly terminalId: string;
  /** The runner that the id of the terminal names. */
  readonly runnerId: string;
  /** The id of this viewer. */
  readonly viewer: string;
  view: ConnectedTerminal | undefined;
  /** Whether the gateway reaches the host. */
  host: 'connected' | 'lost' = 'connected';
  /** The shell has ended; the connection is closed then. */
  exit: TerminalExit | undefined;
  /** The last error that the gateway or the host reported. */
  problem: ErrorInfo | undefined;

  readonly #options: TerminalConnectionOptions;
  readonly #connection: Connection;
  readonly #listeners = new Set<(change: Readonly<TerminalChange>) => void>();
  readonly #dataListeners = new Set<TerminalDataListener>();
  readonly #resetListeners = new Set<(first: number) => void>();
  #change = noChange();
  #position: number;
  #taken: number;
  #takenSent: number;
  /** The output begins in the middle of what a program has drawn. */
  #isCut = false;
  /** The size that was asked for last. */
  #wanted = { cols: 80, rows: 24 };

  constructor(options: TerminalConnectionOptions) {
    const { terminalId, after = 0, viewer = newId('v') } = options;
    this.#options = options;
    this.terminalId = terminalId;
    this.runnerId = parseTerminalId(terminalId)?.runnerId ?? '';
    this.viewer = viewer;
    this.#position = this.#taken = this.#takenSent = after;
    this.#connection = new Connection(options, {
      path: `/ws/terminals/${id(terminalId)}`,
      onFrames: (frames) => {
        for (const frame of frames) if (isMap(frame)) this.#frame(frame);
        this.#notify();
      },
      onState: (state) => this.#stateChanged(state),
      resume: () => {
        const { label } = options;
        const named = label === undefined ? {} : { label };
        return { type: 'resume', after: this.#position, viewer: this.viewer, takes: true, ...named };
      },
      probe: probeWith(options, (api) => api.runnerCall(this.runnerId, 'list_terminals', {})),
    });
  }

  get connection(): ConnectionView {
    return viewOf(this.#connection.state);
  }
  /** The bytes of output that are here, or were before `after`. */
  get position(): number {
    return this.#position;
  }
  /** Whether this viewer has the keyboard. */
  get hasKeyboard(): boolean {
    return this.view?.writer?.viewer === this.viewer;
  }

  /** Returns how to stop listening. Called once for every WebSocket message. */
  subscribe(listener: (change: Readonly<TerminalChange>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Returns how to stop listening. Listen before `start`. */
  onData(listener: TerminalDataListener): () => void {
    this.#dataListeners.add(listener);
    return () => this.#dataListeners.delete(listener);
  }

  /** What comes next begins after byte `first`, and the bytes before it are lost: clear the screen. */
  onReset(listener: (first: number) => void): () => void {
    this.#resetListeners.add(listener);
    return () => this.#resetListeners.delete(listener);
  }

  /** Sends what was typed or pasted. False: there is no connection, and nothing was sent. */
  input(data: string | Uint8Array): boolean {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    for (let at = 0; at < bytes.byteLength; at += MAX_TERMINAL_INPUT_BYTES) {
      const part = bytes.slice(at, at + MAX_TERMINAL_INPUT_BYTES);
      const json = this.#options.protocol === 'json';
      if (!this.#connection.send({ type: 'terminal_input', bytes: json ? base64Of(part) : part })) return false;
    }
    return true;
  }

  /** The size of the screen of this viewer. It counts while this viewer has the keyboard, or no viewer has it. */
  resize(cols: number, rows: number): boolean {
    this.#wanted = { cols, rows };
    return this.#connection.send({ type: 'terminal_resize', cols, rows });
  }

  /** Takes the keyboard from the viewer that has it. */
  takeKeyboard(): boolean {
    return this.#connection.send({ type: 'take_keyboard' });
  }

  /** Ends the shell and all that it has started. */
  kill(): boolean {
    return this.#connection.send({ type: 'kill_terminal' });
  }

  start(): void {
    this.#connection.dispatch({ kind: 'start' });
  }

  /** The page is looked at again, or the network is back: find out at once whether the connection still holds. */
  wake(): void {
    this.#connection.dispatch({ kind: 'wake' });
  }

  networkGone(): void {
    this.#connection.dispatch({ kind: 'network_gone' });
  }

  /** Leaves. The terminal continues. */
  close(): void {
    this.#connection.dispatch({ kind: 'stop' });
  }

  #stateChanged(state: ConnectionState): void {
    this.#change.connection = true;
    if (state.kind === 'closed' && state.error !== undefined) {
      this.problem = state.error;
      this.#change.problem = true;
    }
    this.#notify();
  }

  #frame(value: object): void {
    const frame = value as TerminalDownFrame;
    switch (frame.type) {
      case 'terminal_connected': {
        const error = versionProblem(frame.protocol);
        if (error !== undefined) return this.#connection.dispatch({ kind: 'refused', error });
        const { cols, rows, name, cwd, writer, viewers } = frame;
        this.view = { cols, rows, name, cwd, writer, viewers };
        this.#change.view = true;
        return this.#connection.dispatch({ kind: 'greeted' });
      }
      case 'terminal_reset':
        this.#position = this.#taken = this.#takenSent = frame.first;
        this.#isCut = frame.first > 0;
        for (const listener of this.#resetListeners) listener(frame.first);
        return;
      case 'terminal_data':
        return this.#data(frame.n, frame.bytes);
      case 'terminal_ready':
        this.#connection.dispatch({ kind: 'caught_up' });
        return this.#redraw();
      case 'terminal_state': {
        const { cols, rows, name, writer, viewers } = frame;
        this.view = { cwd: '', ...this.view, cols, rows, name, writer, viewers };
        this.#change.view = true;
        return;
      }
      case 'terminal_exit':
        this.exit = { code: frame.code, signal: frame.signal };
        this.#change.exit = true;
        return this.close();
      case 'terminal_error': {
        const { code, message } = frame;
        this.problem = isErrorCode(code) ? { code, message } : errorInfo('internal', message);
        this.#change.problem = true;
        return;
      }
      case 'host':
        this.host = frame.state;
        this.#change.view = true;
        return;
      default:
        // `pong`, and frames of a later version: having heard them is enough.
        return;
    }
  }

  /** Has the program draw its screen anew, as programs do when the size changes. Only the writer can. */
  #redraw(): void {
    const { view } = this;
    if (!this.#isCut || !this.hasKeyboard || view === undefined || view.rows < 2) return;
    this.#isCut = false;
    const { cols, rows } = view;
    this.#wanted = { cols, rows };
    this.#connection.send({ type: 'terminal_resize', cols, rows: rows - 1 });
    const { clock = SYSTEM_CLOCK } = this.#options;
    // Later: of two changes at once a program sees only the second one. A size that was asked for meanwhile counts.
    clock.setTimeout(() => this.#connection.send({ type: 'terminal_resize', ...this.#wanted }), REDRAW_MS);
  }

  #data(n: number, given: unknown): void {
    const bytes = frameBytes(given);
    const start = n - (bytes?.byteLength ?? 0);
    // What is missing is asked for again, over a new connection.
    if (bytes === undefined || start > this.#position) return this.#connection.dispatch({ kind: 'again' });
    if (n <= this.#position) return;
    const fresh = bytes.subarray(this.#position - start);
    this.#position = n;
    const taken = (): void => this.#took(n);
    if (this.#dataListeners.size === 0) taken();
    for (const listener of this.#dataListeners) listener(fresh, taken);
  }

  #took(n: number): void {
    if (n <= this.#taken || n > this.#position) return;
    this.#taken = n;
    if (n - this.#takenSent < TAKEN_STEP) return;
    if (this.#connection.send({ type: 'terminal_taken', n })) this.#takenSent = n;
  }

  #notify(): void {
    const change = this.#change;
    if (!Object.values(change).some(Boolean)) return;
    this.#change = noChange();
    for (const listener of this.#listeners) listener(change);
  }
}

/** Opens a connection to a terminal and keeps it until `close`, or until the shell ends. */
export function openTerminal(options: TerminalConnectionOptions): TerminalConnection {
  const terminal = new TerminalConnection(options);
  terminal.start();
  return terminal;
}
