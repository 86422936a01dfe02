import createMarkdownIt, { type MarkdownIt, type Token } from 'markdown-it';
import { mathRules } from './math.js';

/**
 * The Markdown of agents: CommonMark with tables, strikethrough, bare links, task lists and formulas. Raw HTML is text, images
 * of other hosts are links to them (a picture that is fetched tells its host who is reading), and a link that is not
 * http, https or mailto is no link at all.
 */
export function createParser(): MarkdownIt {
  const md = createMarkdownIt({ html: false, linkify: true, typographer: false, highlight: null });
  md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
  md.validateLink = isSafeLink;
  mathRules(md);
  md.renderer.rules['link_open'] = (tokens, index, options, _env, self) => {
    const token = tokens[index]!;
    token.attrSet('target', '_blank');
    token.attrSet('rel', 'noopener noreferrer nofollow');
    return self.renderToken(tokens, index, options);
  };
  md.renderer.rules['image'] = (tokens, index) => imageLink(md, tokens[index]!);
  md.renderer.rules['table_open'] = () => '<div class="table" tabindex="0" role="group" aria-label="Table"><table>';
  md.renderer.rules['table_close'] = () => '</table></div>';
  md.core.ruler.after('inline', 'task_lists', ({ tokens }) => markTasks(tokens));
  md.core.ruler.push('heading_levels', ({ tokens }) => levelHeadings(tokens));
  return md;
}

/** Whether a link may be followed from the page. */
export function isSafeLink(url: string): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url.trim())?.[1]?.toLowerCase();
  return scheme === undefined
    ? /^[#/?]|^\.{0,2}\/|^[\w.-]+(\/|$|#|\?)/.test(url.trim())
    : ['http', 'https', 'mailto'].includes(scheme);
}

function imageLink(md: MarkdownIt, token: Token): string {
  const url = String(token.attrGet('src') ?? '');
  const label = token.content === '' ? url : token.content;
  const { escapeHtml } = md.utils;
  if (!/^https?:/i.test(url)) return escapeHtml(`[${label}]`);
  return `<a class="image" href="${escapeHtml(url)}" target="_blank" rel="noopener noreferrer nofollow">${escapeHtml(`Image: ${label}`)}</a>`;
}

/** The level of the heading above a message on the page. */
const ABOVE = 2;

/** Headings of a text stand below those of the page, and skip no level: screen readers list them as one outline. */
function levelHeadings(tokens: readonly Token[]): void {
  let above = ABOVE;
  for (const token of tokens) {
    if (token.type !== 'heading_open') continue;
    above = Math.min(Math.max(Number(token.tag.slice(1)), ABOVE + 1), above + 1);
    token.attrSet('aria-level', String(above));
  }
}

/** `- [x] done` as a ticked box. */
function markTasks(tokens: Token[]): void {
  tokens.forEach((token, index) => {
    const match = token.type === 'inline' ? /^\[([ xX])\] /.exec(token.content) : null;
    const item = tokens[index - 2];
    const first = token.children?.[0];
    if (match === null || item?.type !== 'list_item_open' || first?.type !== 'text') return;
    item.attrJoin('class', 'task');
    first.content = `${match[1] === ' ' ? '☐' : '☑'} ${first.content.slice(match[0].length)}`;
  });
}
