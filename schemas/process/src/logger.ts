import { pino } from 'pino';
import { prettyLine } from './prettyLine.js';
import { redactLine } from './redact.js';

/** What our code logs with: a map of facts first, then a sentence. pino's shape. */
export interface Logger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
  /** A logger whose lines all carry these facts. */
  child(facts: object): Logger;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** The process or part that speaks. */
  name: string;
  /** Default: `PIZZAPI_LOG_LEVEL`, else info. */
  level?: LogLevel;
  /** Where the lines go instead of stderr: for a program that draws on its terminal. */
  file?: string;
}

/**
 * A logger on stderr: JSON lines, or short readable ones when stderr is a terminal. Lines are written before the call
 * returns, so that the last words of a process that crashes are there. Standard output is left to a command's answer.
 * Secrets are removed from the whole line, whichever part of it has them.
 */
export function createLogger({ name, level = levelFrom(process.env), file }: LoggerOptions): Logger {
  const pretty = file === undefined && process.stderr.isTTY === true;
  const options = optionsOf(name, level);
  if (pretty) return pino(options, { write: (line) => void process.stderr.write(prettyLine(redactLine(line))) });
  const destination = pino.destination({ dest: file ?? 2, sync: true });
  return pino(options, { write: (line) => void destination.write(redactLine(line)) });
}

/** A logger that passes everything on to `log`, and gives each line to `onLine` too: as JSON, without its secrets. */
export function withLines(log: Logger, { name, level }: LoggerOptions, onLine: (line: string) => void): Logger {
  const lines = pino(optionsOf(name, level ?? levelFrom(process.env)), { write: (line) => onLine(redactLine(line)) });
  return both(log, lines);
}

function both(first: Logger, second: Logger): Logger {
  const each = (level: Exclude<keyof Logger, 'child'>) => (facts: object, message: string) => {
    first[level](facts, message);
    second[level](facts, message);
  };
  return {
    ...{ debug: each('debug'), info: each('info'), warn: each('warn'), error: each('error') },
    child: (facts) => both(first.child(facts), second.child(facts)),
  };
}

const optionsOf = (name: string, level: LogLevel) => ({
  name,
  level,
  base: { pid: process.pid },
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label: string) => ({ level: label }) },
  serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
});

/** A logger that says nothing: for tests, and for libraries that were given none. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function levelFrom(env: NodeJS.ProcessEnv): LogLevel {
  const wanted = env['PIZZAPI_LOG_LEVEL'];
  return LOG_LEVELS.find((level) => level === wanted) ?? 'info';
}
