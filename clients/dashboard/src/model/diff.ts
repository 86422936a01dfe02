import { diffLines } from 'diff';

/** One line of a diff. `gap` stands for lines that are left out. */
export interface DiffLine {
  kind: 'add' | 'del' | 'same' | 'gap';
  /** Line number in the file it belongs to, where known. */
  number?: number;
  text: string;
}

export interface FileDiff {
  lines: DiffLine[];
  added: number;
  removed: number;
}

/** The number of the first line that a change touches, where the change says it. */
export const firstChange = ({ lines }: FileDiff): number | undefined =>
  lines.find(({ kind, number }) => (kind === 'add' || kind === 'del') && number !== undefined)?.number;

/** Lines of unchanged text that are kept around a change. */
const CONTEXT = 3;

/** pi's own format, `+ 12 text`, `- 12 text`, `  12 text`, with `...` where lines are left out. */
export function parsePiDiff(diff: string): FileDiff {
  const lines = diff.split('\n').map((line): DiffLine => {
    const match = /^([ +-])\s*(\d*) ?(.*)$/s.exec(line);
    if (match === null) return { kind: 'same', text: line };
    const [, sign, digits, text = ''] = match;
    if (digits === '' && text.trim() === '...') return { kind: 'gap', text: '' };
    const kind = sign === '+' ? 'add' : sign === '-' ? 'del' : 'same';
    return digits === '' ? { kind, text } : { kind, number: Number(digits), text };
  });
  return counted(lines);
}

/** The difference of two texts, with what is far from any change left out. */
export function diffTexts(before: string, after: string): FileDiff {
  const lines: DiffLine[] = [];
  let oldLine = 1;
  let newLine = 1;
  const parts = diffLines(before, after);
  parts.forEach((part, index) => {
    const texts = part.value.replace(/\n$/, '').split('\n');
    if (part.added) lines.push(...texts.map((text): DiffLine => ({ kind: 'add', number: newLine++, text })));
    else if (part.removed) lines.push(...texts.map((text): DiffLine => ({ kind: 'del', number: oldLine++, text })));
    else {
      const same = texts.map((text): DiffLine => (oldLine++, { kind: 'same', number: newLine++, text }));
      const head = index === 0 ? 0 : CONTEXT;
      const tail = index === parts.length - 1 ? 0 : CONTEXT;
      if (same.length <= head + tail + 1) lines.push(...same);
      else lines.push(...same.slice(0, head), { kind: 'gap', text: '' }, ...same.slice(same.length - tail));
    }
  });
  return counted(lines);
}

function counted(lines: DiffLine[]): FileDiff {
  const of = (kind: DiffLine['kind']) => lines.filter((line) => line.kind === kind).length;
  return { lines, added: of('add'), removed: of('del') };
}
