/* eslint-disable no-control-regex, no-misleading-character-class -- these characters are what this file removes */
/**
 * Texts that others wrote, made safe to show: nothing in them controls a terminal, turns the direction of what is around
 * them, or hides. Pure; runs in browsers.
 */

const ESC = '\u001b';
/** Ends a string of a terminal: ST or, for commands of the operating system, BEL. */
const END = `(?:${ESC}\\\\|\u009c)`;
/** Control sequences of a terminal: styles and movements, titles and links, device strings, and the short ones. */
const SEQUENCE = new RegExp(
  [
    `(?:${ESC}\\[|\u009b)[0-?]*[ -/]*(?:[@-~]|$)`,
    `(?:${ESC}\\]|\u009d)[^\u0007${ESC}\u009c]*(?:\u0007|${END})`,
    `(?:${ESC}[PX^_]|[\u0090\u0098\u009e\u009f])[^${ESC}\u009c]*${END}`,
    `${ESC}[ -/]*[0-~]?`,
  ].join('|'),
  'g',
);
/** Characters that a text may not have: control characters but tab and line feed, and what turns the direction. */
const CONTROL = /[\0-\x08\v-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufff9-\ufffb]/g;
/** Something that must be looked at closely. Most texts have none of it. */
const SUSPECT = /[\0-\x08\v-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\p{Surrogate}]/u;
/** Half of a character: a surrogate without the other one. */
const HALF = /\p{Surrogate}/gu;
const BACKSPACE = /[^\n\u0008]\u0008/gu;
/** Characters without a width that no script needs in a name. Tags stay in flags, which are emoji. */
const ZERO_WIDTH =
  /[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u3164\ufeff\uffa0]|(?<!\u{1f3f4}[\u{e0020}-\u{e007e}]*)[\u{e0000}-\u{e007f}]/gu;
/** Joiners, direction marks and variation selectors: needed between other characters, nothing by themselves. */
const INVISIBLE = /^[\s\u061c\u200c-\u200f\ufe00-\ufe0f\u2800]*$/u;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * The text without control sequences and control characters; tabs and line breaks stay. Directional overrides and
 * isolates are removed, because one of them could turn what is shown after the text. Returns the same text when there is
 * nothing to remove.
 */
export function visibleText(text: string): string {
  if (!SUSPECT.test(text)) return text;
  let rest = text.replace(SEQUENCE, '').replace(/\r\n?|[\u2028\u2029\u0085]/g, '\n');
  while (BACKSPACE.test(rest)) rest = rest.replace(BACKSPACE, '');
  return rest.replace(CONTROL, '').replace(HALF, '\ufffd');
}

/**
 * A name or a title in one line: `visibleText` without characters that have no width, and with single spaces. Empty when
 * nothing of it would be visible.
 */
export function visibleLine(text: string): string {
  const line = visibleText(text.replace(/[\n\v\f\r\x1c-\x1e\u0085\u2028\u2029]/g, ' '))
    .replace(ZERO_WIDTH, '')
    .replace(/\s+/gu, ' ')
    .trim();
  return INVISIBLE.test(line) ? '' : line;
}

/** A line for a place that has no markup, such as the title of a tab: the direction of a name stays inside the name. */
export function isolatedLine(text: string): string {
  const line = visibleLine(text);
  return RIGHT_TO_LEFT.test(line) ? `\u2068${line}\u2069` : line;
}
