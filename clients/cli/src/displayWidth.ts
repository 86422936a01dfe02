import { eastAsianWidth } from 'get-east-asian-width';

const graphemes = new Intl.Segmenter();
const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;
const EMOJI_STYLE = '\ufe0f';
const INVISIBLE = /^[\p{Mark}\p{Format}\p{Control}]+$/u;

/** The columns that a text takes in a terminal: two for a character of Chinese, Japanese or Korean, or an emoji. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += widthOf(segment);
  return width;
}

/** The text, filled with spaces up to a width in columns. */
export function padToWidth(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

function widthOf(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  // Signs such as © are emojis only where they are followed by the sign for that.
  if (EMOJI.test(grapheme) && (grapheme.includes(EMOJI_STYLE) || [...grapheme].length > 1)) return 2;
  return eastAsianWidth(grapheme.codePointAt(0)!);
}
