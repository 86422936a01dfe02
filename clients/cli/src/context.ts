import type { Io } from './io.js';

/** What a command needs: input and output, its arguments, and the exit code when it is not 0. */
export interface CliContext {
  io: Io;
  argv: readonly string[];
  exitCode: number;
}

/** Returns the examples at the end of a help text. */
export function examples(...lines: string[]): string {
  return ['\nExamples:', ...lines.map((example) => `  $ ${example}`)].join('\n');
}
