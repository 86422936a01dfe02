/** What a person asks of this program itself, while everything else that is typed goes to the shell. */
export type Escape = 'detach' | 'keyboard' | 'help';

const TILDE = 0x7e;
const RETURN = 0x0d;
const NEWLINE = 0x0a;
const ESCAPES: Readonly<Record<number, Escape>> = { 0x2e: 'detach', 0x6b: 'keyboard', 0x3f: 'help' };

/** Finds the escapes of ssh in what is typed: `~` at the beginning of a line, and a letter. `~~` is one `~`. */
export class EscapeReader {
  private atLineStart = true;
  private pending = false;

  /** What goes to the shell, and the escapes that were typed. What follows `~.` goes nowhere. */
  read(bytes: Uint8Array): { input: Uint8Array; escapes: Escape[] } {
    const input: number[] = [];
    const escapes: Escape[] = [];
    for (const byte of bytes) {
      if (this.pending) {
        this.pending = false;
        const escape = ESCAPES[byte];
        if (escape !== undefined) {
          escapes.push(escape);
          if (escape === 'detach') break;
          continue;
        }
        input.push(TILDE);
        this.atLineStart = false;
        if (byte === TILDE) continue;
      } else if (byte === TILDE && this.atLineStart) {
        this.pending = true;
        continue;
      }
      input.push(byte);
      this.atLineStart = byte === RETURN || byte === NEWLINE;
    }
    return { input: Uint8Array.from(input), escapes };
  }
}
