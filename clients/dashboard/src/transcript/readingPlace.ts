/** Where a person reads: a block of a row, and how much of it is above the upper edge. */
interface Place {
  row: string;
  /** Position among the blocks of the row; -1 for the row itself. */
  block: number;
  /** The part of the block above the edge, from 0 to 1. */
  part: number;
  /** Pixels between the edge and a block that begins below it. */
  gap: number;
}

/** What text is made of. A block in another one is the closer description of a place. */
const BLOCKS = 'p, li, pre, tr, h1, h2, h3, h4, h5, h6';
/** How far down a row stands that the page went to, as a part of the height. */
const HELD_AT = 1 / 3;
/** Frames without a movement after which the rows count as measured. */
const STEADY_FRAMES = 20;

export interface ReadingPlaceDeps {
  scroller: HTMLElement;
  /** Draws a row that is too far away to be drawn. False when there is no such row. */
  scrollToRow: (row: string) => boolean;
}

/**
 * Keeps a person's place by what is read there, not by pixels: another width or another font changes the height of
 * everything above it.
 */
export class ReadingPlace {
  readonly #deps: ReadingPlaceDeps;
  #place: Place | undefined;
  #layout = '';
  #steady = Infinity;
  /** False while the page itself scrolls, to the end or to a linked row. */
  #isChosen = false;

  constructor(deps: ReadingPlaceDeps) {
    this.#deps = deps;
    this.#layout = this.#measure();
  }

  get isRestoring(): boolean {
    return this.#steady < STEADY_FRAMES;
  }

  /** Remembers what is at the upper edge. Call it when the person has scrolled. */
  note(): void {
    if (!this.#isChosen || this.isRestoring || this.hasChanged()) return;
    const edge = this.#edge();
    const rows = this.#rows();
    const row = rows.find((candidate) => candidate.getBoundingClientRect().bottom > edge + 1);
    if (row === undefined) return;
    const blocks = [...row.querySelectorAll<HTMLElement>(BLOCKS)];
    const boxes = blocks.map((block) => block.getBoundingClientRect());
    const across = boxes.findLastIndex(({ top, bottom }) => top <= edge && bottom > edge);
    const below = boxes.findIndex(({ top }) => top > edge);
    const block = across >= 0 ? across : below;
    const box = boxes[block] ?? row.getBoundingClientRect();
    this.#place = {
      row: row.dataset['row'] ?? '',
      block,
      part: box.height > 0 ? Math.min(1, Math.max(0, (edge - box.top) / box.height)) : 0,
      gap: Math.max(0, box.top - edge),
    };
  }

  /** Whether the width or the size of the font is another one than before. */
  hasChanged(): boolean {
    return this.#measure() !== this.#layout;
  }

  /** Brings the place back to the edge until every row has its new height. */
  restore(): void {
    this.#layout = this.#measure();
    const isRunning = this.isRestoring;
    if (this.#place === undefined) return;
    this.#steady = 0;
    if (!isRunning) this.#step();
  }

  /** The page goes to a row by itself: that is the place until the person scrolls. */
  hold(row: string): void {
    this.forget();
    this.#place = { row, block: -1, part: 0, gap: this.#deps.scroller.clientHeight * HELD_AT };
  }

  /** The end is followed: there is no place to keep. */
  forget(): void {
    this.#steady = Infinity;
    this.#isChosen = false;
    this.#layout = this.#measure();
    this.#place = undefined;
  }

  /** A person scrolls: the place is theirs to choose. */
  letGo(): void {
    this.#isChosen = true;
    this.#steady = Infinity;
  }

  readonly #step = (): void => {
    if (!this.isRestoring) return;
    this.#steady = this.#correct() ? 0 : this.#steady + 1;
    requestAnimationFrame(this.#step);
  };

  /** Moves the place to the edge. True when it was elsewhere. */
  #correct(): boolean {
    const place = this.#place;
    if (place === undefined) return false;
    const row = this.#rows().find((candidate) => candidate.dataset['row'] === place.row);
    if (row === undefined) return this.#deps.scrollToRow(place.row);
    const box = (row.querySelectorAll(BLOCKS)[place.block] ?? row).getBoundingClientRect();
    const { scroller } = this.#deps;
    const before = scroller.scrollTop;
    scroller.scrollTop += box.top + place.part * box.height - place.gap - this.#edge();
    return Math.abs(scroller.scrollTop - before) >= 1;
  }

  #edge(): number {
    return this.#deps.scroller.getBoundingClientRect().top;
  }

  #rows(): HTMLElement[] {
    return [...this.#deps.scroller.querySelectorAll<HTMLElement>('[data-row]')];
  }

  #measure(): string {
    const { scroller } = this.#deps;
    return `${scroller.clientWidth} ${getComputedStyle(document.documentElement).fontSize}`;
  }
}
