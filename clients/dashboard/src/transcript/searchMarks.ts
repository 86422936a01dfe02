import type { SearchMatch } from '../state/sessionSearch.svelte.js';

/** Names of the highlights: `::highlight(...)` in app.css draws them. */
const ALL = 'search';
const CURRENT = 'search-current';
/** What is no text of the transcript: names of buttons, signs beside a line. */
const SKIPPED = 'button, .sr-only, .select-none, [aria-hidden=true]';
/** A button whose text belongs to the transcript. */
const KEPT = '[data-searched]';
const BLOCKS = 'p, li, pre, tr, td, th, h1, h2, h3, h4, h5, h6, dt, dd, div';

/** The matches in an element, in order, as far as they are drawn. */
export function rangesIn(root: Element, pattern: RegExp): Range[] {
  const nodes: { node: Text; start: number }[] = [];
  let text = '';
  let block: Element | null = null;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!(node instanceof Text) || parent === null) continue;
    if (parent.closest(KEPT) === null && parent.closest(SKIPPED) !== null) continue;
    const around = parent.closest(BLOCKS);
    // A match ends with its block, except for spaces that it may have.
    if (around !== block) text += '\n';
    block = around;
    nodes.push({ node, start: text.length });
    text += node.data;
  }
  const ranges: Range[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    const [from, to] = [match.index, match.index + match[0].length];
    while (at + 1 < nodes.length && nodes[at + 1]!.start <= from) at++;
    let end = at;
    while (end + 1 < nodes.length && nodes[end + 1]!.start < to) end++;
    const [first, last] = [nodes[at], nodes[end]];
    if (first === undefined || last === undefined) continue;
    const range = document.createRange();
    range.setStart(first.node, Math.min(from - first.start, first.node.length));
    range.setEnd(last.node, Math.min(to - last.start, last.node.length));
    ranges.push(range);
  }
  return ranges;
}

/** The drawn range of a match. A text that is drawn in part has fewer matches than it has in the log. */
export function rangeOf(row: Element, { n }: SearchMatch, pattern: RegExp): Range | undefined {
  const ranges = rangesIn(row, pattern);
  return ranges[Math.min(n, ranges.length - 1)];
}

/** Marks the matches in the rows that are drawn. A browser without highlights shows the row of the match alone. */
export function markMatches(rows: Iterable<HTMLElement>, pattern: RegExp, current: SearchMatch | undefined): void {
  if (!('highlights' in CSS)) return;
  const all: Range[] = [];
  let chosen: Range | undefined;
  for (const row of rows) {
    const ranges = rangesIn(row, pattern);
    all.push(...ranges);
    if (row.dataset['row'] === current?.row) chosen = ranges[Math.min(current!.n, ranges.length - 1)];
  }
  CSS.highlights.set(ALL, new Highlight(...all));
  const mark = new Highlight(...(chosen === undefined ? [] : [chosen]));
  mark.priority = 1;
  CSS.highlights.set(CURRENT, mark);
}

export function clearMarks(): void {
  if (!('highlights' in CSS)) return;
  CSS.highlights.delete(ALL);
  CSS.highlights.delete(CURRENT);
}
