/** A path that a text may name. Whether there is such a file, its host says. */
export interface PathMention {
  /** Where it stands in the text. */
  start: number;
  end: number;
  /** Absolute, from `~`, or from the folder of the session. */
  path: string;
  /** Counted from 1. */
  line?: number;
}

/** Mentions of one text: a text of nothing but paths asks the host for no more. */
const MAX_MENTIONS = 100;
/** A longer word is no path. Each word is looked at by itself, so that the work grows as the text does. */
const MAX_WORD = 500;
/** A text of more characters is searched up to here. */
const MAX_TEXT = 200_000;

const WORD = /[^\s"'`<>|;]+/gu;
/** The line after a path: `:12`, `:12:5`, `(12)`, `(12,5)`, `#L12`, `#L12-L20`. */
const LINE = /(?::(\d{1,9})(?::\d{1,9})?|\((\d{1,9})(?:,\d{1,9})?\)|#L(\d{1,9})(?:-L?\d{1,9})?)$/;
const PATH = /^[\p{L}\p{N}_@+.,=\-[\]()$#~%/&!]+$/u;
/** A name with an ending, such as `app.ts` or `.gitignore`: no number, no version. */
const FILE_NAME = /^(?:[^/]*\p{L}[^/]*)?\.\p{L}[\p{L}\p{N}_-]{0,11}$/u;

/**
 * The paths that a text may name, in order: `src/app.ts`, `src/app.ts:12`, `src/app.ts:12:5`, `src/app.ts(12,5)`,
 * `src/app.ts#L12`, `/etc/hosts`, `~/notes`, `README.md`. It leaves out addresses of the web.
 */
export function pathsIn(text: string): PathMention[] {
  const found: PathMention[] = [];
  for (const { 0: word, index } of text.slice(0, MAX_TEXT).matchAll(WORD)) {
    if (found.length === MAX_MENTIONS) break;
    const mention = word.length > MAX_WORD || word.includes('://') ? undefined : mentionOf(word, index);
    if (mention !== undefined) found.push(mention);
  }
  return found;
}

/** A part of a text: plain, or a path. */
export interface LinkedText {
  text: string;
  target?: { path: string; line?: number };
}

/** A text divided at its paths. */
export function partsOf(text: string): LinkedText[] {
  const parts: LinkedText[] = [];
  let at = 0;
  for (const { start, end, path, line } of pathsIn(text)) {
    const target = { path, ...(line === undefined ? {} : { line }) };
    parts.push({ text: text.slice(at, start) }, { text: text.slice(start, end), target });
    at = end;
  }
  return [...parts, { text: text.slice(at) }].filter(({ text: part }) => part !== '');
}

function mentionOf(word: string, at: number): PathMention | undefined {
  const from = beginningOf(word);
  const text = word.slice(from, endOf(word, from));
  const [suffix = '', colon, bracket, hash] = LINE.exec(text) ?? [];
  const path = text.slice(0, text.length - suffix.length);
  if (!isPathLike(path)) return undefined;
  const line = Number(colon ?? bracket ?? hash ?? 0);
  const start = at + from;
  return { start, end: start + text.length, path, ...(line > 0 ? { line } : {}) };
}

/** After what stands before a path in a word: a bracket, the text of a Markdown link, the name of an option. */
function beginningOf(word: string): number {
  const link = word.lastIndexOf('](');
  let from = link >= 0 ? link + 2 : word.lastIndexOf('=') + 1;
  while ('({*,'.includes(word[from] ?? ' ') || (word[from] === '[' && !word.includes(']', from))) from++;
  return from;
}

/** Before what ends a sentence or a bracket that was opened before the path. */
function endOf(word: string, from: number): number {
  let end = word.length;
  let open = 0;
  let squareOpen = 0;
  for (const sign of word.slice(from)) {
    open += sign === '(' ? 1 : sign === ')' ? -1 : 0;
    squareOpen += sign === '[' ? 1 : sign === ']' ? -1 : 0;
  }
  for (; end > from; end--) {
    const sign = word[end - 1]!;
    if (sign === ')' && open < 0) open++;
    else if (sign === ']' && squareOpen < 0) squareOpen++;
    else if (!'.,!?:*}'.includes(sign)) break;
  }
  return end;
}

/** Whether a word looks like a path: it has a slash between names, or is the name of a file. */
function isPathLike(word: string): boolean {
  if (!PATH.test(word) || /^[./~]*$/.test(word)) return false;
  return word.includes('/') ? /[\p{L}\p{N}_]/u.test(word) : FILE_NAME.test(word);
}
