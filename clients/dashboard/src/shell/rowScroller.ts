import { parentAt, steadyRow, type ListRow } from '../model/listRows.js';
import type { RowMove, VirtualRows } from '../ui/roving.js';

/** Frames in which a line that is far away is drawn and measured. */
const SETTLE_FRAMES = 40;
/** Frames in which lines above one that stays in its place are measured. */
const STEADY_FRAMES = 6;
/** Pixels from the end of the list within which it counts as reached. */
const NEAR_END = 120;
/** What a person scrolls by. */
const GESTURES = ['wheel', 'touchmove', 'keydown', 'pointerdown'] as const;

export interface RowScrollerDeps {
  scroller: HTMLElement;
  rows: () => readonly ListRow[];
  positions: () => ReadonlyMap<string, number>;
  /** Scrolls a line into sight that may not be drawn. */
  scrollTo: (at: number, align: 'nearest' | 'center') => void;
  /** The person has reached the end of the list. */
  more: () => void;
}

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const CONTROL = 'a[href], button:not([disabled])';

/** Moves through the lines of a virtual list: by keys, to a session, and not at all when the list changes. */
export class RowScroller implements VirtualRows {
  readonly #deps: RowScrollerDeps;
  #box: HTMLElement | undefined;
  /** Counts the journeys through the list: a new one ends those before. */
  #journey = 0;
  /** The line that a key leads to, which is being drawn. */
  #target: number | undefined;
  #positions: ReadonlyMap<string, number> = new Map();
  /** A line is brought into sight: the list keeps no other in its place. */
  #isShowing = false;
  /** The person has scrolled since the last page was asked for. */
  #hasScrolled = false;

  constructor(deps: RowScrollerDeps) {
    this.#deps = deps;
  }

  /** Takes over the element of the list, and notices when its end is reached. */
  readonly watch = (box: HTMLElement): (() => void) => {
    this.#box = box;
    const { scroller } = this.#deps;
    const gesture = ({ type, target }: Event) => {
      // A press scrolls by the bar at the edge alone.
      if (type === 'pointerdown' && target !== scroller) return;
      this.#hasScrolled = true;
      this.#reached();
    };
    const scrolled = () => this.#reached();
    for (const kind of GESTURES) scroller.addEventListener(kind, gesture, { passive: true });
    scroller.addEventListener('scroll', scrolled, { passive: true });
    return () => {
      for (const kind of GESTURES) scroller.removeEventListener(kind, gesture);
      scroller.removeEventListener('scroll', scrolled);
    };
  };

  keyOf(node: Element | null): string | undefined {
    return node?.closest<HTMLElement>('[data-row]')?.dataset['row'];
  }

  /** Gives the focus to the line that a key leads to; lines without a control are passed over. */
  move(from: HTMLElement, where: RowMove): void {
    const rows = this.#deps.rows();
    const at = this.#target ?? this.#deps.positions().get(this.keyOf(from) ?? '') ?? 0;
    const first = { next: at + 1, previous: at - 1, first: 0, last: rows.length - 1, parent: parentAt(rows, at) }[
      where
    ];
    if (first === undefined) return;
    void this.#focus(first, where === 'previous' || where === 'last' || where === 'parent' ? -1 : 1);
  }

  async #focus(first: number, step: 1 | -1): Promise<void> {
    const own = ++this.#journey;
    this.#isShowing = false;
    for (let at = first; at >= 0 && at < this.#deps.rows().length; at += step) {
      this.#target = at;
      // Without a pause when it is drawn: the next key may come at once.
      const row = this.#drawn(at) ?? (await this.#draw(at, own));
      if (own !== this.#journey) return;
      const control = row?.querySelector<HTMLElement>(CONTROL);
      if (control == null) continue;
      control.focus();
      break;
    }
    this.#target = undefined;
  }

  /** Scrolls a session into sight, unless it is. */
  async show(key: string): Promise<void> {
    const own = ++this.#journey;
    this.#isShowing = true;
    for (let frames = 0; own === this.#journey && frames < SETTLE_FRAMES; frames++) {
      const at = this.#deps.positions().get(key);
      if (at === undefined) break;
      const row = this.#drawn(at);
      if (row !== undefined && this.#isInSight(row)) {
        // Lines above it may still be measured.
        if (frames === 0 || frames > STEADY_FRAMES) break;
      } else if (frames % 4 === 0) this.#deps.scrollTo(at, 'center');
      await frame();
    }
    if (own === this.#journey) this.#isShowing = false;
  }

  /** What stays where it is while the list changes: a line in sight and its place. Call it before the change is drawn. */
  hold(positions: ReadonlyMap<string, number>): { key: string; top: number } | undefined {
    const before = this.#positions;
    this.#positions = positions;
    if (before === positions || before.size === 0 || this.#box === undefined || this.#isShowing) return undefined;
    const edge = this.#deps.scroller.getBoundingClientRect().top;
    // At the beginning new lines come into sight.
    if (this.#box.getBoundingClientRect().top >= edge) return undefined;
    const inSight = this.#elements().filter((row) => this.#isInSight(row));
    const keys = inSight.map((row) => row.dataset['row'] ?? '');
    const key = steadyRow(keys, before, positions);
    if (key === undefined || before.get(key) === positions.get(key)) return undefined;
    return { key, top: inSight[keys.indexOf(key)]!.getBoundingClientRect().top - edge };
  }

  /** Brings a line back to its place. */
  async restore({ key, top }: { key: string; top: number }): Promise<void> {
    const own = ++this.#journey;
    const { scroller } = this.#deps;
    for (let frames = 0; own === this.#journey && frames < STEADY_FRAMES; frames++) {
      const at = this.#deps.positions().get(key);
      if (at === undefined) return;
      const row = this.#drawn(at);
      if (row === undefined) this.#deps.scrollTo(at, 'nearest');
      else scroller.scrollTop += row.getBoundingClientRect().top - scroller.getBoundingClientRect().top - top;
      await frame();
    }
  }

  /** One page for each time that the person scrolls to the end: lines that come above it do not ask for more. */
  #reached(): void {
    if (!this.#hasScrolled || this.#box === undefined) return;
    const { bottom } = this.#deps.scroller.getBoundingClientRect();
    if (this.#box.getBoundingClientRect().bottom > bottom + NEAR_END) return;
    this.#hasScrolled = false;
    this.#deps.more();
  }

  #elements(): HTMLElement[] {
    return [...(this.#box?.querySelectorAll<HTMLElement>('[data-row]') ?? [])];
  }

  #drawn(at: number): HTMLElement | undefined {
    const key = this.#deps.rows()[at]?.key;
    const row = this.#elements().find(({ dataset }) => dataset['row'] === key);
    // A line that is not measured yet is hidden, and takes no focus.
    return row?.style.visibility === 'hidden' ? undefined : row;
  }

  async #draw(at: number, own: number): Promise<HTMLElement | undefined> {
    for (let frames = 0; own === this.#journey && frames < SETTLE_FRAMES; frames++) {
      const row = this.#drawn(at);
      if (row !== undefined) return row;
      if (frames % 4 === 0) this.#deps.scrollTo(at, 'nearest');
      await frame();
    }
    return undefined;
  }

  #isInSight(row: HTMLElement): boolean {
    const box = this.#deps.scroller.getBoundingClientRect();
    const { top, bottom } = row.getBoundingClientRect();
    return bottom > box.top + 1 && top < box.bottom - 1;
  }
}
