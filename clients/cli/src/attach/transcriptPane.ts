import { TERMINAL_SEQUENCE, type TranscriptItem } from '@pizzapi/protocol';
import { ItemView, type ItemLook, type ItemSurroundings } from '@pizzapi/runner/terminal';
import { scrolled, topOf, type Anchor, type Rows } from './scroll.js';

/** The part of a transcript that fits a window. Items out of sight are not rendered. */
export class TranscriptPane {
  look: ItemLook = { thinking: true, expanded: false };
  anchor: Anchor = { kind: 'end' };
  readonly #around: ItemSurroundings;
  readonly #views = new Map<string, ItemView>();
  #items: readonly TranscriptItem[] = [];
  #width = 0;
  #height = 0;
  #rendered = new Map<string, string[]>();
  #mark: { id: string; pattern: RegExp } | undefined;

  constructor(around: ItemSurroundings) {
    this.#around = around;
  }

  /** The rows of the window, at most `height`. */
  render(items: readonly TranscriptItem[], width: number, height: number): string[] {
    this.#items = items;
    this.#width = width;
    this.#height = height;
    this.#rendered.clear();
    const shown: string[] = [];
    const top = topOf(this.anchor, this.#rows, height);
    for (let at = top.index; at < items.length && shown.length < height; at++) {
      const lines = this.#lines(items[at]!);
      shown.push(...(at === top.index ? lines.slice(top.line) : lines));
    }
    return shown.slice(0, height);
  }

  /** Scrolls by so many windows. */
  page(by: number): void {
    const delta = Math.trunc(by * Math.max(1, this.#height - 2));
    this.anchor = scrolled(this.anchor, this.#rows, this.#height, delta);
  }

  /** Whether the first item that is here is at the top of the window. */
  get isAtStart(): boolean {
    const { index, line } = topOf(this.anchor, this.#rows, this.#height);
    return index === 0 && line === 0;
  }

  /** Shows the first line of an item that matches, marked, and opens what hides it. */
  showMatch(id: string, pattern: RegExp): void {
    const item = this.#items.find((one) => one.id === id);
    if (item === undefined) return;
    const find = () => this.#lines(item).findIndex((text) => pattern.test(plain(text)));
    this.#rendered.delete(id);
    let line = find();
    if (line < 0) {
      this.look = { thinking: true, expanded: true };
      this.#rendered.clear();
      line = find();
    }
    // A match across two lines has no line of its own.
    this.#mark = line < 0 ? undefined : { id, pattern };
    this.anchor = { kind: 'at', id, line: Math.max(0, line) };
  }

  toStart(): void {
    const [first] = this.#items;
    if (first !== undefined) this.anchor = { kind: 'at', id: first.id, line: 0 };
  }

  /** Forgets how items that are gone were shown. */
  prune(items: readonly TranscriptItem[]): void {
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, view] of this.#views) {
      if (ids.has(id)) continue;
      view.close();
      this.#views.delete(id);
    }
  }

  /** Call it when the pane is not shown any more. */
  close(): void {
    this.prune([]);
  }

  invalidate(): void {
    for (const view of this.#views.values()) view.invalidate();
  }

  readonly #rows: Rows = (() => {
    const items = () => this.#items;
    const heightAt = (index: number) => this.#lines(this.#items[index]!).length;
    return {
      get count() {
        return items().length;
      },
      idAt: (index) => items()[index]!.id,
      heightAt,
      indexOf: (id) => items().findIndex((item) => item.id === id),
    };
  })();

  /** The rows of an item; rendered once for each picture. */
  #lines(item: TranscriptItem): string[] {
    const known = this.#rendered.get(item.id);
    if (known !== undefined) return known;
    let view = this.#views.get(item.id);
    if (view === undefined) this.#views.set(item.id, (view = new ItemView(this.#around, item, this.look)));
    else view.update(item, this.look);
    const drawn = view.render(this.#width);
    const lines = this.#mark?.id === item.id ? marked(drawn, this.#mark.pattern) : drawn;
    this.#rendered.set(item.id, lines);
    return lines;
  }
}

const plain = (line: string) => line.replace(TERMINAL_SEQUENCE, '');

/** Lines with the matches in reverse colours. A line that has one loses its own colours. */
function marked(lines: readonly string[], pattern: RegExp): string[] {
  return lines.map((line) =>
    pattern.test(plain(line)) ? plain(line).replace(pattern, (match) => `\x1b[7m${match}\x1b[27m`) : line,
  );
}
