import { constants, hostname } from 'node:os';
import { ReadStream } from 'node:tty';
import { OUTBOUND } from '@pizzapi/runner/access';
import type { TerminalExit } from '@pizzapi/protocol';
import { openTerminal, type TerminalConnection } from '@pizzapi/session-client';
import { EXIT, Failure, line, toSafeLine, type Io } from '../io.js';
import { EscapeReader, type Escape } from './escapes.js';
import { withoutQueries } from './queries.js';

const BY_SIGNAL = 128;
/** Clears the screen and all modes. */
const RESET = '\u001bc';
/** Leaves the alternate screen, and switches off what the program of the host has switched on. */
const TIDY =
  '\u001b[?1049l\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[?2004l\u001b[?1l\u001b>\u001b[?25h\u001b[0m\r\n';
const HELP = [
  'Escapes, at the beginning of a line:',
  '  ~.  leave; the terminal continues',
  '  ~k  take the keyboard from the viewer that has it',
  '  ~~  type ~',
];

export interface HostTerminalAccess {
  url: string;
  token: string | undefined;
}

/** Shows a terminal of a host in this one until its shell ends or the person leaves. Returns the exit code. */
export async function showHostTerminal(
  io: Io,
  { url, token }: HostTerminalAccess,
  terminalId: string,
): Promise<number> {
  const options = { url, terminalId, label: `terminal on ${hostname()}`, ...OUTBOUND };
  const terminal = openTerminal({ ...options, ...(token === undefined ? {} : { token }) });
  const screen = new TerminalScreen(io, terminal);
  try {
    return await screen.run();
  } finally {
    terminal.close();
  }
}

/** Joins the keys and the screen of this terminal to one of a host. */
class TerminalScreen {
  private readonly escapes = new EscapeReader();
  private settle: (code: number | Failure) => void = () => undefined;
  private hadKeyboard = false;
  private saidWriter: string | undefined;

  constructor(
    private readonly io: Io,
    private readonly terminal: TerminalConnection,
  ) {}

  async run(): Promise<number> {
    const { io, terminal } = this;
    const ended = new Promise<number | Failure>((resolve) => (this.settle = resolve));
    const typed = (bytes: Buffer | string): void => this.type(Buffer.from(bytes));
    const resized = (): void => this.fit();
    const gone = (): void => this.settle(EXIT.hungUp);
    terminal.onData((bytes, taken) => {
      const isReplay = terminal.connection.state.kind === 'replaying';
      io.stdout.write(isReplay ? withoutQueries(bytes) : bytes, () => taken());
    });
    terminal.onReset(() => io.stdout.write(RESET));
    terminal.subscribe(() => this.changed());
    setRaw(io.stdin, true);
    io.stdin.on('data', typed);
    io.stdin.once('end', gone);
    io.stdout.on('resize', resized);
    io.signals.on('SIGHUP', gone);
    io.signals.on('SIGTERM', gone);
    io.stdin.resume();
    try {
      const code = await ended;
      if (code instanceof Failure) throw code;
      return code;
    } finally {
      io.stdin.off('data', typed);
      io.stdin.off('end', gone);
      io.stdout.off('resize', resized);
      io.signals.off('SIGHUP', gone);
      io.signals.off('SIGTERM', gone);
      io.stdin.pause();
      setRaw(io.stdin, false);
      io.stdout.write(TIDY);
    }
  }

  private type(bytes: Uint8Array): void {
    const { input, escapes } = this.escapes.read(bytes);
    const { terminal } = this;
    // Without the keyboard nothing that is typed arrives, and neither does what this terminal answers to questions.
    if (input.byteLength > 0 && (terminal.hasKeyboard || terminal.view?.writer === null)) terminal.input(input);
    for (const escape of escapes) this.escape(escape);
  }

  private escape(escape: Escape): void {
    const { io, terminal } = this;
    if (escape === 'keyboard') terminal.takeKeyboard();
    else if (escape === 'help') for (const text of HELP) io.stderr.write(`\r\n${text}`);
    else {
      line(
        io.stderr,
        `\r\nLeft the terminal, which continues. Come back: pizzapi terminal --attach ${terminal.terminalId}\r`,
      );
      this.settle(EXIT.ok);
    }
  }

  private changed(): void {
    const { terminal } = this;
    const { state } = terminal.connection;
    if (terminal.exit !== undefined) return this.settle(codeOf(terminal.exit));
    if (state.kind === 'closed') {
      const error = terminal.problem ?? { code: 'terminal_unknown' as const, message: terminal.connection.sentence };
      return this.settle(new Failure({ ...error, message: toSafeLine(error.message) }));
    }
    if (terminal.hasKeyboard && !this.hadKeyboard) this.fit();
    this.hadKeyboard = terminal.hasKeyboard;
    this.sayWriter();
  }

  private sayWriter(): void {
    const writer = this.terminal.view?.writer;
    if (writer === undefined || writer === null || this.terminal.connection.state.kind !== 'live') return;
    if (writer.viewer === this.saidWriter) return;
    const isFirst = this.saidWriter === undefined;
    this.saidWriter = writer.viewer;
    if (isFirst && this.terminal.hasKeyboard) return;
    const who = this.terminal.hasKeyboard ? 'You have' : `${toSafeLine(writer.name, 60)} has`;
    const hint = this.terminal.hasKeyboard ? '' : '; Enter ~k takes it';
    this.io.stderr.write(`\r\n[${who} the keyboard${hint}]\r\n`);
  }

  /** Gives the terminal of the host the size of this one. */
  private fit(): void {
    const { columns, rows } = this.io.terminal;
    if (columns !== undefined && rows !== undefined && this.terminal.hasKeyboard) this.terminal.resize(columns, rows);
  }
}

function setRaw(stdin: NodeJS.ReadableStream, raw: boolean): void {
  if (stdin instanceof ReadStream) stdin.setRawMode(raw);
}

function codeOf({ code, signal }: TerminalExit): number {
  if (code !== null) return code;
  const number = Object.entries(constants.signals).find(([name]) => name === signal)?.[1];
  return BY_SIGNAL + (number ?? 0);
}
