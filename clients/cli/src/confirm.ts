import { createInterface } from 'node:readline/promises';
import { errorInfo } from '@pizzapi/protocol';
import { EXIT, Failure, interruptible, line, type Io } from './io.js';

/** Fails with `bad_option` when no terminal can ask. `what` is a sentence without a full stop. */
export function requireConfirmation(io: Io, what: string): void {
  if (!io.terminal.asks) throw new Failure(errorInfo('bad_option', `${what}; add --yes to confirm`), EXIT.usage);
}

/** Asks a yes-or-no question on the terminal. Fails with `start_stopped` for every answer other than yes. */
export async function confirm(io: Io, question: string): Promise<void> {
  const prompt = createInterface({ input: io.stdin, output: io.stderr, terminal: false });
  io.stderr.write(`${question} [y/N] `);
  try {
    const answer = await interruptible(io, (signal) => {
      const ended = new Promise<string>((resolve) => {
        prompt.once('close', () => resolve(''));
        signal.addEventListener('abort', () => prompt.close(), { once: true });
      });
      return Promise.race([new Promise<string>((resolve) => prompt.once('line', resolve)), ended]);
    });
    if (/^\s*y(es)?\s*$/i.test(answer)) return;
    line(io.stderr);
    throw new Failure(errorInfo('start_stopped', 'Not confirmed; nothing was changed'));
  } finally {
    prompt.close();
  }
}
