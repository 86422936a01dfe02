import { TERMINAL_SEQUENCE, visibleText } from './foreignText.js';

/** What moves the cursor within its line, in a text whose other sequences were removed. */
// eslint-disable-next-line no-control-regex
const MOVE = /\x1b\[([0-9;]*)([CDGK])|[\r\b]/g;
// eslint-disable-next-line no-control-regex
const MOVES = /\x1b\[[0-9;]*[CDGK]|[\r\b]/;
/** A line is not padded further to the right than this. */
const MAX_COLUMN = 10_000;

/**
 * The output of a program as a terminal shows it in the end, cleaned: what was written over with carriage returns,
 * backspaces and moves within a line shows what stands there last.
 */
export function terminalText(output: string): string {
  const moves = output
    .replaceAll('\r\n', '\n')
    .replace(TERMINAL_SEQUENCE, (_all, parameters: string | undefined, final: string | undefined) =>
      final !== undefined && 'CDGK'.includes(final) ? `\x1b[${(parameters ?? '').replace(/[^0-9;]/g, '')}${final}` : '',
    );
  return visibleText(moves.split('\n').map(settled).join('\n'));
}

/** One line after all moves of the cursor. */
function settled(line: string): string {
  if (!MOVES.test(line)) return line;
  let cells: string[] = [];
  let column = 0;
  const write = (text: string): void => {
    for (const character of text) {
      while (cells.length < column) cells.push(' ');
      cells[column++] = character;
    }
  };
  let from = 0;
  for (const match of line.matchAll(MOVE)) {
    write(line.slice(from, match.index));
    from = match.index + match[0].length;
    const [, parameters = '', final] = match;
    const count = Math.min(MAX_COLUMN, Number(parameters.split(';', 1)[0] ?? ''));
    if (match[0] === '\r') column = 0;
    else if (match[0] === '\b') column = Math.max(0, column - 1);
    else if (final === 'C') column = Math.min(MAX_COLUMN, column + Math.max(1, count));
    else if (final === 'D') column = Math.max(0, column - Math.max(1, count));
    else if (final === 'G') column = Math.max(1, count) - 1;
    else if (count === 0) cells = cells.slice(0, column);
    else cells = cells.map((cell, at) => (count === 2 || at <= column ? ' ' : cell));
  }
  write(line.slice(from));
  return cells.join('').trimEnd();
}
