/** A file that is being named in a message: `@` and what was typed of its path so far. */
export interface FileMention {
  /** Where the `@` stands. */
  start: number;
  /** Where what was typed ends: at the cursor. */
  end: number;
  query: string;
}

/** A file or a folder that completes a mention. */
export interface FileChoice {
  /** From the folder of the session. */
  path: string;
  isFolder: boolean;
}

/** The longest path that is completed, in characters. */
const MAX_QUERY = 200;

/** The mention that the cursor is in: `@` at the beginning of a word. In `a@b` the `@` is inside a word. */
export function fileMentionAt(text: string, cursor: number): FileMention | undefined {
  const before = text.slice(Math.max(0, cursor - MAX_QUERY - 2), cursor);
  const [, quoted, plain] = /(?:^|[\s(["'`])@(?:"([^"\n]*)|([^\s"]*))$/u.exec(before) ?? [];
  const query = quoted ?? plain;
  if (query === undefined) return undefined;
  const typed = query.length + (quoted === undefined ? 1 : 2);
  return { start: cursor - typed, end: cursor, query };
}

/** The text with the chosen path in the place of a mention, and where the cursor is then. */
export function withFile(
  text: string,
  { start, end }: FileMention,
  { path, isFolder }: FileChoice,
): { text: string; cursor: number } {
  const isQuoted = /[\s"]/.test(path);
  const whole = isFolder && !path.endsWith('/') ? `${path}/` : path;
  // A folder is left open: what is in it can be typed next.
  const name = isQuoted ? `@"${whole.replaceAll('"', '')}${isFolder ? '' : '"'}` : `@${whole}`;
  const gap = isFolder || /^\s/.test(text.slice(end)) ? '' : ' ';
  return { text: text.slice(0, start) + name + gap + text.slice(end), cursor: start + name.length + gap.length };
}
