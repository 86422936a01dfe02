import { formatBytes, isolatedLine, type TerminalExit } from '@pizzapi/protocol';

/** Titles are shown up to this length. */
const MAX_TITLE = 120;

/** A title that a program has set, as plain text in one line. */
export function titleText(title: string): string {
  return isolatedLine(title.slice(0, 4 * MAX_TITLE)).slice(0, MAX_TITLE);
}

/**
 * The address of a page of the web as a browser would open it, or undefined for any other address. Names of other scripts
 * and odd characters are written out, so that a person sees where it leads.
 */
export function webAddress(address: string): string | undefined {
  try {
    const { protocol, href } = new URL(address);
    return protocol === 'https:' || protocol === 'http:' ? href : undefined;
  } catch {
    return undefined;
  }
}

/** How a shell has ended, in a sentence. */
export function exitText({ code, signal }: TerminalExit): string {
  if (signal !== null) return `The shell was ended by the signal ${isolatedLine(signal)}.`;
  return code === null ? 'The shell has ended.' : `The shell has ended with exit code ${code}.`;
}

/** That the beginning of the output is gone. `first`: the bytes that are. */
export function lostText(first: number): string {
  return `The first ${formatBytes(first)} of its output are not kept any more.`;
}

/** Who has the keyboard, if it is another viewer. */
export function writerText(name: string): string {
  return `${isolatedLine(name) || 'Another viewer'} has the keyboard.`;
}
