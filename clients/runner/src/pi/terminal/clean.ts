const ESC = '\u001b';
const BEL = '\u0007';
/** Sequences that a program colours its output with, moves the cursor by, or names its window with. */
const ESCAPES = new RegExp(`${ESC}(?:\\[[0-?]*[ -/]*[@-~]|\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)?)`, 'g');
/** Control characters, but for the line break and the tab. */
const CONTROL = /(?![\n\t])\p{Cc}/gu;

/** Text that is safe to show: what an agent says must not move the cursor, or reach the clipboard. */
export function cleanText(text: string): string {
  return text.replace(ESCAPES, '').replace(/\r\n?/g, '\n').replace(CONTROL, '');
}

/** As `cleanText`, for every text in a value of JSON. */
export function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [cleanText(key), cleanValue(part)]));
}
