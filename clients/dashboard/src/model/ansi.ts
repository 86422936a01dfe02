/** A run of terminal text in one style; `style` is a row of class names of code.css. */
export interface AnsiRun {
  text: string;
  style: string;
}

const ESC = String.fromCharCode(27);
const BEL = String.fromCharCode(7);
/** Control sequences (colours among them), and operating system commands (titles, links). */
const SEQUENCE = new RegExp(
  `${ESC}\\[([0-9;:?<=>]*)([ -/]*[@-~])|${ESC}\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)|${ESC}[@-Z\\\\-_]`,
  'g',
);
/** A prefix that makes a sequence ending in `m` something else than a style. */
const PRIVATE = /^[?<=>]/;
/** Text, background and underline colour: each takes further numbers. */
const EXTENDED_COLOURS: ReadonlySet<number> = new Set([38, 48, 58]);

/**
 * Terminal output as runs of styled text. Colours and weights of SGR are kept as classes, every other sequence is
 * dropped, and a line that was written over with carriage returns shows what it said last, as a terminal would.
 */
export function ansiRuns(output: string): AnsiRun[] {
  const text = settleReturns(output);
  const runs: AnsiRun[] = [];
  const style = new Set<string>();
  let from = 0;
  const add = (to: number) => {
    if (to > from) runs.push({ text: text.slice(from, to), style: [...style].join(' ') });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    add(match.index);
    from = match.index + match[0].length;
    const parameters = match[1] ?? '';
    if (match[2] === 'm' && !PRIVATE.test(parameters)) applySgr(style, parametersOf(parameters));
  }
  add(text.length);
  return runs;
}

function settleReturns(output: string): string {
  const text = output.replaceAll('\r\n', '\n');
  if (!text.includes('\r')) return text;
  const lastSaid = (line: string) => line.split('\r').findLast((part) => part !== '') ?? '';
  return text.split('\n').map(lastSaid).join('\n');
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
