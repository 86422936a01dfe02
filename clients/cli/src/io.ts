import type { EventEmitter } from 'node:events';
import { styleText } from 'node:util';
import { isolated, oneLine, shorten, type ErrorInfo } from '@pizzapi/protocol';

/** The input and output of a command, so that a test can replace the terminal. */
export interface Io {
  stdin: NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  env: NodeJS.ProcessEnv;
  /** Whether stdout is a terminal that shows colours. */
  colour: boolean;
  terminal: IoTerminal;
  /** Emits `SIGINT` and `SIGTERM`. */
  signals: Pick<EventEmitter, 'on' | 'off'>;
  /** Waits a number of ms, or until the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Opens a page in a browser, when this machine has a screen. */
  browse(url: string): Promise<void> | void;
}

export interface IoTerminal {
  /** Whether stdin is a terminal. */
  keys: boolean;
  /** Whether stdin and stderr are a terminal, so that a question can be asked. */
  asks: boolean;
  /** The width of stdout in characters; undefined when it is no terminal. */
  columns: number | undefined;
  /** Its height in lines. */
  rows?: number | undefined;
}

export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  return {
    stdin,
    stdout,
    stderr,
    env,
    colour: stdout.isTTY && !env['NO_COLOR'],
    terminal: {
      keys: stdin.isTTY,
      asks: stdin.isTTY && stderr.isTTY,
      get columns() {
        return stdout.isTTY ? stdout.columns : undefined;
      },
      get rows() {
        return stdout.isTTY ? stdout.rows : undefined;
      },
    },
    signals: process,
    // Loaded on demand: `pizzapi decode` has to start fast and does not need it.
    sleep: async (ms, signal) => (await import('@pizzapi/process')).sleep(ms, signal),
    browse: async (url) => {
      const { hasScreen, openBrowser } = await import('@pizzapi/process');
      if (hasScreen(env)) openBrowser(url);
    },
  };
}

/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  /** The command failed; stderr holds the reason. */
  failed: 1,
  /** The command line is invalid; stderr holds the usage. */
  usage: 2,
  /** The terminal is gone, with the exit code that shells use. */
  hungUp: 129,
  /** Ctrl-C, with the exit code that shells use. */
  interrupted: 130,
} as const;

/** Ends a command with `code: sentence` on stderr, without a stack trace. */
export class Failure extends Error {
  readonly info: ErrorInfo;
  readonly exitCode: number;

  constructor(info: ErrorInfo, exitCode: number = EXIT.failed) {
    super(info.message);
    this.name = 'Failure';
    this.info = info;
    this.exitCode = exitCode;
  }
}

export function line(stream: NodeJS.WritableStream, text = ''): void {
  stream.write(`${text}\n`);
}

/** Runs a task with a signal that Ctrl-C aborts, so that the task can report its progress. */
export async function interruptible<T>(io: Io, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) io.signals.on(signal, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) io.signals.off(signal, stop);
  }
}

type Style = Parameters<typeof styleText>[0];

/** Returns a text in a style, when the terminal shows styles. */
export function paint(io: Pick<Io, 'colour'>, style: Style, text: string): string {
  return io.colour ? styleText(style, text) : text;
}

/** What a terminal acts on, or does not show, and what `JSON.stringify` leaves as it is. */
const UNSAFE_IN_JSON = /[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Returns a value as one line of JSON that a terminal can show. A reader of the JSON gets the same value. */
export function jsonLine(value: unknown): string {
  return safeJson(JSON.stringify(value));
}

/** Returns the same JSON with what a terminal acts on as escapes. */
export function safeJson(json: string): string {
  return json.replace(UNSAFE_IN_JSON, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Returns the text of another author as one safe line, because it may hold escape sequences that write elsewhere on the
 * screen or to the clipboard, and characters that turn the direction of the line.
 */
export function toSafeLine(text: string, limit = Number.POSITIVE_INFINITY): string {
  return isolated(shorten(oneLine(text), limit));
}
