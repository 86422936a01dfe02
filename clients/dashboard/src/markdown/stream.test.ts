import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createParser, isSafeLink } from './parser.js';
import { MarkdownStream, type MarkdownBlock } from './stream.js';

const parser = createParser();
const whole = (text: string) => new MarkdownStream(parser).update(text, true);
const html = (text: string) =>
  whole(text)
    .map((block) => (block.kind === 'html' ? block.html : block.code))
    .join('');

describe('a text that is rendered while it grows', () => {
  const line = fc.constantFrom(
    'para',
    '- item',
    '  more',
    '1. one',
    '# Title',
    '***',
    '**bold**',
    '> said',
    '```',
    '```ts',
    'a | b',
    '--|--',
    '---',
    '    code',
    '',
    '',
  );
  const text = fc.array(line, { maxLength: 24 }).map((lines) => lines.join('\n'));

  it('ends as the same blocks that the whole text gives, however it was cut', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 40 }), (source, cuts) => {
        const stream = new MarkdownStream(parser);
        for (const cut of cuts.sort((a, b) => a - b)) stream.update(source.slice(0, cut), false);
        expect(stream.update(source, true)).toEqual(whole(source));
      }),
      { numRuns: 400 },
    );
  });

  /** Markdown in which a later line may change what an earlier one means. */
  const CORPUS = [
    'Read [the guide][g].\n\n[g]: https://github.com/acme/guide',
    'See [a], [b][] and [c][A].\n\ntext\n\n[a]: <https://a.example/x y> "A title"\n[b]: https://b.example\n[A]: /other',
    '[x]: https://first.example\n[x]: https://second.example\n\n[x] and ![x]',
    'A note.[^1] Another.[^n]\n\n[^1]: https://note.example\n[^n]: The text of a note\n    is here.',
    '- one\n- two\n\n- three makes it loose\n\n  with a paragraph\n\n      and code',
    '1. one\n\n   more\n2) another list\n\n10. ten\n    - deep\n\n    - deeper and loose',
    '- [ ] open\n- [x] done\n\n\n* other list',
    '<div>\n\n**bold**\n\n</div>\n\n<!-- a\n\ncomment -->\n\n<details><summary>x</summary>\ntext\n</details>',
    '| a | b |\n|---|:-:|\n| 1 | `x|y` |\n| 2 |\n\nafter\n\n| no | table |\n| - |',
    'Title\n=====\n\nnot yet\n---\n\n***\n\n# Again #\n',
    '> quoted\nlazy line\n>\n> ```ts\n> code\n\n> another',
    '```md\n[g]: https://in.code\n```\n~~~\nopen fence\n\n[g]',
    '    indented\n\n    [g]: https://no.example\n\n[g]',
    '**bold over\ntwo lines** and ~~gone~~, `tick ``\n\nhttps://bare.example/a_b_c. &amp; \\* \\(x\\)',
    'first\r\n\r\n- a\r\n- b\r\rlone returns\r\n```\r\ncode\r\n```',
    'a\n[r]: https://not.a.definition\n\n[r]\n\n[r]:\nhttps://definition.example\n"title',
    'The root \\(x_1\\) and $$\na = b\n\n- c\n$$\n\n\\[\n\\frac{1}{2}\n\\]\n\ncosts $10K, not $8K and $a^2$',
    '\u0000 and \ud83d\ude00 and \tTabs\n\n\t- code?\n-\ttab list',
  ];

  it('ends as a fresh parse of the whole, for any document and any split', () => {
    const document = fc.array(fc.constantFrom(...CORPUS), { minLength: 1, maxLength: 4 });
    const joint = fc.constantFrom('\n', '\n\n', ' ', '\n\n\n> ');
    const cuts = fc.array(fc.nat(600), { maxLength: 60 });
    fc.assert(
      fc.property(document, joint, cuts, (parts, between, places) => {
        const source = parts.join(between);
        const stream = new MarkdownStream(parser);
        for (const cut of places.sort((a, b) => a - b)) stream.update(source.slice(0, cut), false);
        expect(stream.update(source, true)).toEqual(whole(source));
      }),
      { numRuns: 600 },
    );
  });

  it.each(CORPUS)('ends as a fresh parse when %j comes one character after another', (source) => {
    const stream = new MarkdownStream(parser);
    for (let cut = 0; cut <= source.length; cut++) stream.update(source.slice(0, cut), false);
    expect(stream.update(source, true)).toEqual(whole(source));
  });

  it('follows a definition to the whole address also before the end, however small the parts', () => {
    const source = 'Read [the guide][g].\n\n[g]: https://github.com/acme/guide\n\nNext\n\nLast';
    const stream = new MarkdownStream(parser);
    let blocks = stream.update('', false);
    for (let cut = 1; cut <= source.length; cut++) blocks = stream.update(source.slice(0, cut), false);
    expect(blocks[0]).toMatchObject({
      html: expect.stringContaining('href="https://github.com/acme/guide"') as string,
    });
  });

  it('keeps the identity of a finished block at the end, so that it is not drawn again', () => {
    const stream = new MarkdownStream(parser);
    const [first] = stream.update('# One\n\ntwo\n\nthree', false);
    expect(stream.update('# One\n\ntwo\n\nthree and more', true)[0]).toBe(first);
  });

  it('keeps finished blocks as they are, so that only the last one is drawn again', () => {
    const stream = new MarkdownStream(parser);
    const [first] = stream.update('# One\n\ntwo', false);
    const after = stream.update('# One\n\ntwo and\n\nthree', false);
    expect(after[0]).toBe(first);
    expect(after).toHaveLength(3);
  });

  it('knows a code block as closed once its fence is, and not before', () => {
    const closed = (text: string) =>
      (new MarkdownStream(parser).update(text, false)[0] as Extract<MarkdownBlock, { kind: 'code' }>).closed;
    expect(closed('```ts\nconst a = 1;\n')).toBe(false);
    expect(closed('```ts\nconst a = 1;\n``')).toBe(false);
    expect(closed('```ts\nconst a = 1;\n```')).toBe(true);
  });

  it('starts over when the text is another', () => {
    const stream = new MarkdownStream(parser);
    stream.update('one\n\ntwo\n\nthree', false);
    expect(stream.update('else', true)).toEqual(whole('else'));
  });
});

describe('what Markdown may do', () => {
  it('shows raw HTML as text', () => {
    expect(html('<script>x</script>')).toContain('&lt;script&gt;');
  });

  it('links to pictures of other hosts instead of fetching them', () => {
    const rendered = html('![a cat](https://example.com/cat.png)');
    expect(rendered).not.toContain('<img');
    expect(rendered).toContain('href="https://example.com/cat.png"');
  });

  it('opens links elsewhere, without telling where from', () => {
    expect(html('[x](https://example.com)')).toContain('target="_blank" rel="noopener noreferrer nofollow"');
  });

  it.each(['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd'])(
    'does not link to %s',
    (url) => {
      expect(isSafeLink(url)).toBe(false);
      expect(html(`[x](${url})`)).not.toContain('<a ');
    },
  );

  it('draws task lists as boxes', () => {
    expect(html('- [x] done\n- [ ] open')).toMatch(/☑ done[\s\S]*☐ open/);
  });
});

describe('formulas', () => {
  it.each([
    ['The root \\(x\\) is', '<span class="math">\\(x\\)</span>'],
    ['\\[ \\frac{a}{b} \\] inline', '<span class="math">\\[ \\frac{a}{b} \\]</span>'],
    ['$$\na = b\n\n- c\n$$', '<div class="math math-display">$$\na = b\n\n- c\n$$</div>'],
    ['\\[\nE = mc^2\n\\]', '<div class="math math-display">'],
    ['so $a^2 + b^2 = c^2$.', '<span class="math">$a^2 + b^2 = c^2$</span>'],
    ['the $20^{th}$ and $2^n$', '<span class="math">$20^{th}$</span>'],
    ['with $x$ and $\\alpha$', '<span class="math">$\\alpha$</span>'],
    ['$O(n \\log n)$ and $n = 5$', '<span class="math">$n = 5$</span>'],
    ['- item\n\n  $$\n  x_i\n  $$\n- next', '<div class="math math-display">'],
    ['$P(\\text{it rains today})$', 'class="math"'],
  ])('%j has a formula', (source, expected) => {
    expect(html(source)).toContain(expected);
  });

  it.each([
    'It fell from $10K to $8K, then to $5.',
    'between $5-$6, and US$10=$9',
    'run $HOME/a_b and $PATH, or $A_B$C',
    'echo $$ and $$',
    '`\\(x\\)` and `$a^2$`',
    '```\n$$\na\n$$\n```',
    'foo($a, $b) == $a + $b',
    'an escaped \\$x^2\\$ price',
    '$5 of $x_total',
    'escaped \\(parentheses around prose\\)',
    'a lonely \\( or $ or $$',
    '$1$ or $2$',
  ])('%j has none', (source) => {
    expect(html(source)).not.toContain('class="math');
  });
});
