import { createInterface } from 'node:readline/promises';
import { visibleLine } from '@pizzapi/protocol';
import type { ProjectResource } from '../trust/projectResources.js';
import type { TerminalTrustAnswer } from './folderGate.js';

/** Arguments with which pi begins no conversation in the terminal. */
const NO_DIALOG = ['-p', '--print', '--mode', '-h', '--help', '-v', '--version', '--list-models', '--export'];

/** Whether a person can be asked before pi starts. */
export function canAsk(args: readonly string[]): boolean {
  return process.stdin.isTTY && process.stdout.isTTY && !args.some((arg) => NO_DIALOG.includes(arg));
}

/** Asks the person at the terminal. An answer that is not understood, and the end of the input, mean not now. */
export async function askTrust(cwd: string, found: readonly ProjectResource[]): Promise<TerminalTrustAnswer> {
  const lines = found.map(({ name, summary }) => `  ${name}: ${summary}`);
  process.stdout.write(`${visibleLine(cwd)} has extensions and settings of its own:\n${lines.join('\n')}\n`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    const said = await Promise.race([terminal.question('Load them? (t)rust, (n)ot now, ne(v)er [n] '), closed]);
    const letter = said.trim().toLowerCase();
    if (letter === 't' || letter === 'trust') return 'trust';
    return letter === 'v' || letter === 'never' ? 'never' : 'not now';
  } finally {
    terminal.close();
  }
}
