import type { MarkdownIt, StateBlock, StateInline } from 'markdown-it';

/** Characters of a formula between single dollars: a longer one is not meant as a formula. */
const MAX_INLINE = 300;
/** Parts of a formula whose braces hold words. */
const WORDS = /\\(?:text\w*|math\w+|operatorname|mbox|begin|end|label|tag|ce|color)\*?\s*\{[^{}]*\}/g;
const MARKUP = /\\[A-Za-z]+|[\^_]/;
const SYMBOLS = /^[\w\s=+\-*/<>()[\]{},.!|'^\\]+$/;

/**
 * Whether a text is clearly a formula. `isPriced`: it stands between single dollars, which are money and variables of a
 * shell, too.
 */
export function isFormula(tex: string, isPriced: boolean): boolean {
  const bare = tex.replace(WORDS, ' ').replace(/\\[A-Za-z]+/g, ' ');
  if (tex.trim() === '') return false;
  const hasWord = /\p{L}{3,}/u.test(bare);
  if (!isPriced) {
    if (hasWord && !MARKUP.test(tex) && !/[=+<>]/.test(tex)) return false;
    return !/\p{L}{3,}[\s,;.]+\p{L}{3,}/u.test(bare);
  }
  if (hasWord) return false;
  if (MARKUP.test(tex)) return !/^\d[\d.,]*\s*\p{L}/u.test(tex);
  return /^[A-Za-z]$/.test(tex) || (SYMBOLS.test(tex) && /^[A-Za-z(|-]/.test(tex) && /[=+*<>-]/.test(tex));
}

/**
 * Formulas in `\(…\)`, `\[…\]`, `$$…$$` and, when they are clearly formulas, `$…$`. The rendering holds the source with
 * its delimiters: `formulas.ts` draws it, and without that it stays readable.
 */
export function mathRules(md: MarkdownIt): void {
  const { escapeHtml } = md.utils;
  md.inline.ruler.before('escape', 'math', inlineMath);
  md.block.ruler.before('paragraph', 'math', blockMath, { alt: ['paragraph', 'blockquote', 'list'] });
  md.renderer.rules['math'] = (tokens, index) => `<span class="math">${escapeHtml(tokens[index]!.content)}</span>`;
  md.renderer.rules['math_block'] = (tokens, index) =>
    `<div class="math math-display">${escapeHtml(tokens[index]!.content)}</div>\n`;
}

const PAIRS = [
  { open: '\\(', close: '\\)', isPriced: false },
  { open: '\\[', close: '\\]', isPriced: false },
  { open: '$$', close: '$$', isPriced: false },
  { open: '$', close: '$', isPriced: true },
] as const;

function inlineMath(state: StateInline, silent: boolean): boolean {
  const { src, pos } = state;
  const pair = PAIRS.find(({ open }) => src.startsWith(open, pos));
  if (pair === undefined || (pair.isPriced && /[\w\\$]/.test(src[pos - 1] ?? ''))) return false;
  const from = pos + pair.open.length;
  const to = src.indexOf(pair.close, from);
  if (to < 0 || to > state.posMax - pair.close.length) return false;
  const tex = src.slice(from, to);
  const after = src[to + pair.close.length] ?? '';
  if (pair.isPriced && (tex.length > MAX_INLINE || /^\s|\s$|\n|\\$/.test(tex) || /[\w$]/.test(after))) return false;
  if (!isFormula(tex, pair.isPriced)) return false;
  if (!silent) state.push('math', '', 0).content = src.slice(pos, to + pair.close.length);
  state.pos = to + pair.close.length;
  return true;
}

function blockMath(state: StateBlock, first: number, end: number, silent: boolean): boolean {
  const lineOf = (line: number) =>
    state.src.slice(state.bMarks[line]! + state.tShift[line]!, state.eMarks[line]).trim();
  const start = lineOf(first);
  const pair = PAIRS.find(({ open, isPriced }) => !isPriced && open !== '\\(' && start.startsWith(open));
  if (pair === undefined || state.sCount[first]! - state.blkIndent >= 4) return false;
  const lines: string[] = [];
  for (let line = first; line < end; line++) {
    // A line that is less indented belongs to what is around.
    if (line > first && lineOf(line) !== '' && state.sCount[line]! < state.blkIndent) return false;
    lines.push(lineOf(line));
    const source = lines.join('\n');
    const closing = source.indexOf(pair.close, pair.open.length);
    if (closing < 0) continue;
    const tex = source.slice(pair.open.length, closing);
    if (closing + pair.close.length !== source.length || !isFormula(tex, false)) return false;
    if (silent) return true;
    const token = state.push('math_block', '', 0);
    token.block = true;
    token.map = [first, line + 1];
    token.content = source;
    state.line = line + 1;
    return true;
  }
  return false;
}
