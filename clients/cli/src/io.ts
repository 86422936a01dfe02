import type { EventEmitter } from 'node:events';
import { styleText } from 'node:util';
import { oneLine, shorten, type ErrorInfo } from '@pizzapi/protocol';

/** What a command touches of the outside, so that a test can stand in for a terminal. */
export interface Io {
  stdin: NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  env: NodeJS.ProcessEnv;
  /** Whether stdout is a terminal that shows colours. */
  colour: boolean;
  terminal: IoTerminal;
  /** Tells of `SIGINT` and `SIGTERM`. */
  signals: Pick<EventEmitter, 'on' | 'off'>;
  /** Waits so many ms, or until the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Shows a page to the person, if there is a screen to show it on. */
  browse(url: string): Promise<void> | void;
}

export interface IoTerminal {
  /** Whether a person types on stdin. */
  keys: boolean;
  /** Whether a person can be asked on stderr and answers on stdin. */
  asks: boolean;
  /** How wide stdout is, in characters; undefined when it is no terminal. */
  columns: number | undefined;
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
      columns: stdout.isTTY ? stdout.columns : undefined,
    },
    signals: process,
    // Loaded when it is needed: `pizzapi decode` has to start fast, and does without.
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
  /** It did not work; stderr says why. */
  failed: 1,
  /** It was asked for in the wrong way; stderr says how it is asked for. */
  usage: 2,
  /** Ctrl-C, as shells have it. */
  interrupted: 130,
} as const;

/** Ends a command with `code: sentence` on stderr. Never a stack trace. */
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

/** Does something that Ctrl-C stops by the signal, so that it can say how far it came. */
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

/** Text in a style, where the terminal shows styles. */
export function paint(io: Pick<Io, 'colour'>, style: Style, text: string): string {
  return io.colour ? styleText(style, text) : text;
}

/**
 * One line of text that is safe to show: an agent's output may hold escape sequences that would write elsewhere on the
 * screen, or into the clipboard.
 */
export function toSafeLine(text: string, limit = Number.POSITIVE_INFINITY): string {
  return shorten(oneLine(text), limit);
}
