import DOMPurify from 'dompurify';

const TAGS = [
  'p',
  'br',
  'hr',
  'strong',
  'em',
  's',
  'del',
  'code',
  'pre',
  'blockquote',
  'ul',
  'ol',
  'li',
  'a',
  'span',
  'div',
]
  .concat(['h1', 'h2', 'h3', 'h4', 'h5', 'h6'])
  .concat(['table', 'thead', 'tbody', 'tr', 'th', 'td']);
const ATTRIBUTES = ['href', 'target', 'rel', 'class', 'start', 'tabindex', 'role', 'aria-label', 'aria-level'];

/**
 * The one way HTML gets into the page, and the second wall behind the parser: only what our Markdown and our
 * highlighters make, as nodes, so that nothing is parsed again after it was cleaned.
 */
export function cleanNodes(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ADD_ATTR: ['target'],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
