import type { Env, MarkdownIt, Token } from 'markdown-it';

/**
 * A top-level part of a rendered text. A block keeps its identity once nothing that follows can change it. `html` has
 * not been cleaned: only `Html.svelte` puts it on the page.
 */
export type MarkdownBlock =
  | { kind: 'html'; key: number; html: string }
  | { kind: 'code'; key: number; lang: string; code: string; closed: boolean };

/**
 * Renders a text that grows. A block that has another after it is finished: it is rendered once, and again only when a
 * link definition that comes later may be meant by it. Only the rest, from the start of the last block, is parsed anew
 * with each piece. At the end the whole text is parsed once more, so that the result never depends on the split.
 */
export class MarkdownStream {
  readonly #parser: MarkdownIt;
  #source = '';
  #frozen: MarkdownBlock[] = [];
  /** Where the part that is not finished begins in the source. */
  #offset = 0;
  /** The link definitions of the finished part. */
  #references: References = {};
  #blocks: MarkdownBlock[] = [];

  constructor(parser: MarkdownIt) {
    this.#parser = parser;
  }

  /** The blocks of `source`. A source that does not continue the last one starts over. `done`: no more will come. */
  update(source: string, done: boolean): readonly MarkdownBlock[] {
    if (done || !source.startsWith(this.#source)) this.#reset();
    this.#source = source;
    const rest = source.slice(this.#offset);
    const { groups, blocks } = this.#parse(rest, done);
    this.#blocks = [...this.#frozen, ...blocks];
    if (done) return this.#blocks;
    const lineStarts = startsOfLines(rest);
    // A block begins for certain only once its first line is whole: `***` may yet become `***bold***`.
    const begins = groups.map((tokens) => tokens[0]!.map?.[0] ?? 0);
    const last = begins.findLastIndex((line) => lineStarts[line + 1] !== undefined);
    if (last > 0) this.#freeze(this.#frozen.length + last, lineStarts[begins[last]!]!);
    return this.#blocks;
  }

  #reset(): void {
    this.#frozen = [];
    this.#offset = 0;
    this.#references = {};
  }

  /** Takes the first `count` blocks as finished, and the `length` characters that the unfinished ones of them had. */
  #freeze(count: number, length: number): void {
    this.#frozen = this.#blocks.slice(0, count);
    this.#offset += length;
    const finished = this.#source.slice(0, this.#offset);
    if (!finished.slice(-length).includes(']:')) return;
    const known = Object.keys(this.#references).length;
    const { blocks, references } = this.#parse(finished, true, []);
    this.#references = references;
    // A link may come before its definition. What does not change keeps its identity.
    if (Object.keys(references).length > known && blocks.length === count) {
      this.#frozen = blocks;
      this.#blocks = [...blocks, ...this.#blocks.slice(count)];
    }
  }

  /** `before`: the finished blocks in front of the text. */
  #parse(text: string, done: boolean, before: readonly MarkdownBlock[] = this.#frozen) {
    const references: References = before.length === 0 ? {} : { ...this.#references };
    const env: Env = { references };
    const groups = topLevel(this.#parser.parse(text, env));
    const blocks = groups.map((tokens, index) => {
      const closed = done || index < groups.length - 1 || isClosedFence(tokens[0]!, text);
      const key = before.length + index;
      return same(this.#blocks[key], this.#render(tokens, key, closed, env));
    });
    return { groups, blocks, references };
  }

  #render(tokens: Token[], key: number, closed: boolean, env: Env): MarkdownBlock {
    const first = tokens[0]!;
    if (first.type === 'fence' || first.type === 'code_block') {
      const lang = first.info.trim().split(/\s+/)[0]?.toLowerCase() ?? '';
      return { kind: 'code', key, lang, code: first.content.replace(/\n$/, ''), closed };
    }
    return { kind: 'html', key, html: this.#parser.renderer.render(tokens, this.#parser.options, env) };
  }
}

type References = NonNullable<Env['references']>;

/** The block as it was, if nothing about it is new. */
function same(before: MarkdownBlock | undefined, now: MarkdownBlock): MarkdownBlock {
  if (before?.kind === 'html' && now.kind === 'html') return before.html === now.html ? before : now;
  if (before?.kind !== 'code' || now.kind !== 'code') return now;
  return before.code === now.code && before.lang === now.lang && before.closed === now.closed ? before : now;
}

/** The tokens of each top-level block. */
function topLevel(tokens: Token[]): Token[][] {
  const groups: Token[][] = [];
  for (const token of tokens) {
    if (token.level === 0 && token.nesting !== -1) groups.push([token]);
    else groups.at(-1)?.push(token);
  }
  return groups;
}

function startsOfLines(text: string): number[] {
  // The parser takes a carriage return for the end of a line, too.
  return [0, ...[...text.matchAll(/\r\n?|\n/g)].map((end) => end.index + end[0].length)];
}

function isClosedFence(token: Token, source: string): boolean {
  if (token.type !== 'fence') return false;
  const lastLine = source.trimEnd().split('\n').at(-1)!.trim();
  const [from = 0, to = 0] = token.map ?? [];
  return (
    to - from > 1 && lastLine.length >= token.markup.length && lastLine === token.markup[0]!.repeat(lastLine.length)
  );
}
