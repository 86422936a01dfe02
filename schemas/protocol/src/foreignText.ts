/* eslint-disable no-control-regex, no-misleading-character-class -- these characters are what this file removes */
/**
 * Texts that others wrote, made safe to show: nothing in them controls a terminal, turns the direction of what is around
 * them, or hides. Pure; runs in browsers.
 */

/**
 * Escape sequences of a terminal, with ESC or as one C1 character: control sequences; strings for the terminal itself
 * (titles, links, the clipboard, device control), which end with BEL or ST, or are cut off at the end of their line; and
 * the short ones.
 */
export const TERMINAL_SEQUENCE =
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g;
const LINE_BREAK = /\r\n?|[\u0085\u2028\u2029]/g;
const BACKSPACE = /[^\n\x08]\x08/gu;
/** Control characters, but tab and line feed. */
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g;
/** Characters that turn the direction of the text around them. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Characters without a glyph, by which a name can look empty or like another one. */
const ZERO_WIDTH =
  /\u034f|\u17b4|\u17b5|[\u00ad\u115f\u1160\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|\u{1d173}|\u{1d17a}/gu;
/** Tags belong to flags, which are emoji; elsewhere they are invisible. */
const TAGS = /(?<!\u{1f3f4}[\u{e0020}-\u{e007e}]*)[\u{e0000}-\u{e007f}]/gu;
/** Joiners belong between parts of an emoji and between letters; elsewhere they are invisible characters. */
const JOINERS = /[\u200c\u200d]+/g;
const JOINED_BEFORE = /[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]$/u;
const JOINED_AFTER = /^[\p{L}\p{Extended_Pictographic}]/u;
/** Half of a character of two units. */
const HALF = /\p{Surrogate}/gu;
/** Only a text that holds one of these needs cleaning: most texts do not. */
const SUSPICIOUS = /[^\t\n\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff]/;
/** Joiners, direction marks and variation selectors: needed between other characters, nothing by themselves. */
const INVISIBLE = /^[\s\u061c\u200c-\u200f\ufe00-\ufe0f\u2800]*$/u;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * The text of another author, safe to show in a terminal, a title or a page: without escape sequences, control
 * characters, characters that turn the direction of the text, and invisible ones. Tabs and line feeds stay; any other
 * line break becomes a line feed. Returns the same text when there is nothing to remove. See `terminalText` for the output of
 * programs.
 */
export function visibleText(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  let rest = text.replace(TERMINAL_SEQUENCE, '').replace(LINE_BREAK, '\n');
  while (BACKSPACE.test(rest)) rest = rest.replace(BACKSPACE, '');
  return rest
    .replace(CONTROL, '')
    .replace(DIRECTION, '')
    .replace(ZERO_WIDTH, '')
    .replace(TAGS, '')
    .replace(JOINERS, joined)
    .replace(HALF, '\ufffd');
}

function joined(joiners: string, at: number, text: string): string {
  const isJoint =
    JOINED_BEFORE.test(text.slice(Math.max(0, at - 2), at)) && JOINED_AFTER.test(text.slice(at + 1, at + 3));
  return joiners.length === 1 && isJoint ? joiners : '';
}

/** A name or a title in one line, with single spaces. Empty when nothing of it would be visible. */
export function visibleLine(text: string): string {
  const line = visibleText(text.replace(/[\n\v\f\r\x1c-\x1e\u0085\u2028\u2029]/g, ' '))
    .replace(/\s+/gu, ' ')
    .trim();
  return INVISIBLE.test(line) ? '' : line;
}

/** The text in an isolate of its own when it is written from right to left, so that its neighbours keep their places. */
export function isolated(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/** A line for a place that has no markup, such as the title of a tab: the direction of a name stays inside the name. */
export function isolatedLine(text: string): string {
  return isolated(visibleLine(text));
}
