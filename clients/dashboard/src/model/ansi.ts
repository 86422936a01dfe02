import { visibleText } from '@pizzapi/protocol';

/** A run of terminal text in one style; `style` is a row of class names of code.css. */
export interface AnsiRun {
  text: string;
  style: string;
}

const ESC = '\u001b';
const END = `(?:\u0007|${ESC}\\\\|\u009c)`;
/** Control sequences (colours among them), strings (titles, links, device data) and short sequences, in 7 and in 8 bits. */
const SEQUENCE = new RegExp(
  `(?:${ESC}\\[|\u009b)([0-?]*)[ -/]*([@-~]|$)|(?:${ESC}[\\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007${ESC}\u009c]*${END}|${ESC}[ -/]*[0-~]?|[\r\b\n]`,
  'g',
);
/** A prefix that makes a sequence ending in `m` something else than a style. */
const PRIVATE = /^[?<=>]/;
/** Text, background and underline colour: each takes further numbers. */
const EXTENDED_COLOURS: ReadonlySet<number> = new Set([38, 48, 58]);

/**
 * Terminal output as runs of styled text. Colours and weights of SGR are kept as classes. What was written over, by a
 * carriage return, a backspace or a movement in the line, shows what it said last, as in a terminal. Every other sequence
 * and every other control character is dropped.
 */
export function ansiRuns(output: string): AnsiRun[] {
  const page = new Page();
  const style = new Set<string>();
  let from = 0;
  for (const match of output.matchAll(SEQUENCE)) {
    page.write(output.slice(from, match.index), style);
    from = match.index + match[0].length;
    const [whole, parameters = '', end] = match;
    if (end === 'm' && !PRIVATE.test(parameters)) applySgr(style, parametersOf(parameters));
    else if (end !== undefined) page.move(end, parameters);
    else if (whole === '\n' || whole === '\r' || whole === '\b') page.control(whole, style);
  }
  page.write(output.slice(from), style);
  return page.runs();
}

/** Columns that a line has at most while it is written over: a movement may name any number. */
const MAX_COLUMNS = 4_000;

/** Lines as a terminal has them. A line is cut into cells only when something in it is written over. */
class Page {
  readonly #done: AnsiRun[] = [];
  #line: AnsiRun[] = [];
  #cells: AnsiRun[] | undefined;
  #column = 0;

  write(raw: string, style: ReadonlySet<string>): void {
    const text = visibleText(raw);
    if (text === '') return;
    const name = [...style].join(' ');
    if (this.#cells === undefined) {
      append(this.#line, { text, style: name });
      return;
    }
    for (const character of text) {
      if (this.#column >= MAX_COLUMNS) return;
      while (this.#cells.length < this.#column) this.#cells.push({ text: ' ', style: '' });
      this.#cells[this.#column++] = { text: character, style: name };
    }
  }

  control(character: '\n' | '\r' | '\b', style: ReadonlySet<string>): void {
    if (character === '\n') {
      this.#endLine();
      append(this.#done, { text: '\n', style: [...style].join(' ') });
    } else if (character === '\r') this.#goTo(0);
    else this.#goTo(this.#at() - 1);
  }

  /** A movement in the line, or an erasure of a part of it. Movements to other lines are dropped. */
  move(end: string, parameters: string): void {
    const count = Math.max(1, Number(parameters) || 1);
    if (end === 'G') this.#goTo(count - 1);
    else if (end === 'C') this.#goTo(this.#at() + count);
    else if (end === 'D') this.#goTo(this.#at() - count);
    else if (end === 'K') this.#erase(Number(parameters) || 0);
  }

  runs(): AnsiRun[] {
    this.#endLine();
    return this.#done;
  }

  #at(): number {
    return this.#cells === undefined ? cellsOf(this.#line).length : this.#column;
  }

  #goTo(column: number): void {
    if (this.#cells === undefined && this.#line.length === 0) return;
    this.#cells ??= cellsOf(this.#line);
    this.#column = Math.min(MAX_COLUMNS, Math.max(0, column));
  }

  /** Erases from the cursor to the end (0), from the start to the cursor (1), or the whole line (2). */
  #erase(what: number): void {
    this.#goTo(this.#at());
    if (this.#cells === undefined) return;
    if (what === 0) this.#cells.length = Math.min(this.#cells.length, this.#column);
    else if (what === 2) this.#cells.length = 0;
    else this.#cells.fill({ text: ' ', style: '' }, 0, this.#column + 1);
  }

  #endLine(): void {
    for (const run of this.#cells ?? this.#line) append(this.#done, run);
    this.#line = [];
    this.#cells = undefined;
    this.#column = 0;
  }
}

const cellsOf = (runs: readonly AnsiRun[]): AnsiRun[] =>
  runs.flatMap(({ text, style }) => [...text].map((character) => ({ text: character, style })));

/** Adds a run to the last one when both have the same style. */
function append(runs: AnsiRun[], run: AnsiRun): void {
  const last = runs.at(-1);
  if (last?.style === run.style) runs[runs.length - 1] = { text: last.text + run.text, style: run.style };
  else runs.push(run);
}

/** The parameters of a sequence; each is a code and its sub-parameters: `4:3;1` is `[[4, 3], [1]]`. */
function parametersOf(text: string): number[][] {
  return text.split(';').map((parameter) => parameter.split(':').map(Number));
}

function applySgr(style: Set<string>, parameters: number[][]): void {
  for (let i = 0; i < parameters.length; i++) {
    const [code = 0, ...sub] = parameters[i]!;
    if (EXTENDED_COLOURS.has(code)) {
      // With semicolons, the colour's numbers are the parameters that follow.
      const separate = sub.length === 0;
      const [kind, index] = separate ? [parameters[i + 1]?.[0], parameters[i + 2]?.[0]] : sub;
      if (separate) i += kind === 5 ? 2 : 4;
      if (code === 38) setColour(style, kind === 5 ? paletteName(index) : undefined);
    } else if (code === 4 && sub[0] === 0) style.delete('a4');
    else if (code === 0) style.clear();
    else if (code >= 1 && code <= 4) style.add(`a${code}`);
    else if (code === 22) ['a1', 'a2'].forEach((name) => style.delete(name));
    else if (code === 23 || code === 24) style.delete(`a${code - 20}`);
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
      setColour(style, `a${code > 89 ? code - 60 : code}`);
    else if (code === 39) setColour(style, undefined);
  }
}

/** The class of one of the first sixteen colours of the palette; other colours are not shown. */
function paletteName(index = NaN): string | undefined {
  return index >= 0 && index < 16 ? `a${30 + (index % 8)}` : undefined;
}

function setColour(style: Set<string>, name: string | undefined): void {
  for (const other of style) if (/^a3[0-7]$/.test(other)) style.delete(other);
  if (name !== undefined) style.add(name);
}
