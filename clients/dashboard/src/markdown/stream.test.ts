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
