/** What a text that is pasted may hold besides letters: tabs and line breaks. */
// eslint-disable-next-line no-control-regex -- these characters are what this removes
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;
/** A text of more characters is no paste. */
export const MAX_PASTE = 4 * 1024 * 1024;

/**
 * The text of a clipboard as a terminal may get it. A page that a text was copied from could have put an escape sequence
 * into it, which ends the brackets of a paste and runs a command.
 */
export function pastable(text: string): string {
  return text.replace(CONTROL, '');
}

/**
 * Whether a person is asked before a paste: a shell without bracketed paste runs each line when it comes.
 */
export function needsPasteQuestion(text: string, isBracketed: boolean): boolean {
  return !isBracketed && /[\r\n]/.test(text);
}

/** How many lines of a text a shell would run or show. */
export function lineCount(text: string): number {
  return text.replace(/(\r\n?|\n)$/, '').split(/\r\n?|\n/).length;
}

/** The text in one line, which a shell shows and does not run. */
export function inOneLine(text: string): string {
  return text
    .split(/\r\n?|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');
}
