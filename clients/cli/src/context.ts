import type { Io } from './io.js';

/** What a command may ask for: the outside, what was typed, and how it ends when not with 0. */
export interface CliContext {
  io: Io;
  argv: readonly string[];
  exitCode: number;
}

/** The examples at the end of a help text. */
export function examples(...lines: string[]): string {
  return ['\nExamples:', ...lines.map((example) => `  $ ${example}`)].join('\n');
}
