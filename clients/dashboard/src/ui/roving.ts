import { isPressed } from '../model/shortcuts.js';

const CONTROLS = 'a[href], button';
const ITEMS = `${CONTROLS}, [tabindex]`;
/** Several items of one entry stand in an element of this kind: up and down go from entry to entry. */
const ROW = '[data-roving-row]';

export interface RovingOptions {
  /** The entries stand beside each other. */
  horizontal?: boolean;
  /**
   * The list scrolls, and has its controls between texts: the stop is in sight, and Home and End scroll. Texts that
   * scroll stay stops of their own, because the arrow keys are theirs.
   */
  isScrolled?: boolean;
  /** The list draws only the rows near the window: it knows the others, and draws the one that a key leads to. */
  rows?: VirtualRows;
}

export type RowMove = 'next' | 'previous' | 'first' | 'last' | 'parent';

export interface VirtualRows {
  /** Gives the focus to the row that a key leads to from an element of a row. */
  move(from: HTMLElement, where: RowMove): void;
}

/**
 * Makes a list one stop of the Tab key. The arrow keys go through its links and buttons, and right and left open and
 * close a branch. The list remembers where the focus was; before that the stop is the current page, or the first item.
 */
export function roving({ horizontal = false, isScrolled = false, rows }: RovingOptions = {}) {
  return (list: HTMLElement): (() => void) => {
    let stop: HTMLElement | undefined;

    const own = (node: HTMLElement) => node.closest('[data-roving]') === list && node !== list;
    const items = () =>
      [...list.querySelectorAll<HTMLElement>(isScrolled ? CONTROLS : ITEMS)].filter(
        (node) => own(node) && !node.hasAttribute('disabled'),
      );
    const isShown = (node: HTMLElement) => node.getClientRects().length > 0;

    /** The text of a scrolled list that has the focus. */
    function focusedText(all: readonly HTMLElement[]): Element | undefined {
      const active = document.activeElement;
      const isText = isScrolled && active instanceof HTMLElement && active !== list && list.contains(active);
      return isText && !all.includes(active) ? active : undefined;
    }

    function firstStop(all: readonly HTMLElement[]): HTMLElement | undefined {
      if (!isScrolled) return all.find((node) => node.ariaCurrent !== null && isShown(node)) ?? all.find(isShown);
      const text = focusedText(all);
      const next = text && all.find((node) => isShown(node) && isBefore(text, node));
      if (next !== undefined) return next;
      const box = list.getBoundingClientRect();
      const isInSight = (node: HTMLElement) => {
        const { top, bottom, height } = node.getBoundingClientRect();
        return height > 0 && bottom > box.top && top < box.bottom;
      };
      return all.findLast(isInSight) ?? all.findLast(isShown);
    }

    /** The stop follows what is in sight. It stays while the focus is inside: the next Tab must not jump over it. */
    function scrolled(): void {
      if (document.activeElement !== list && list.contains(document.activeElement)) return;
      stop = undefined;
      sync();
    }

    function sync(): void {
      const all = items();
      const text = focusedText(all);
      const isBehind = stop !== undefined && text !== undefined && isBefore(stop, text);
      if (stop === undefined || isBehind || !all.includes(stop) || !isShown(stop)) stop = firstStop(all);
      for (const node of all) {
        const value = node === stop ? 0 : -1;
        if (node.getAttribute('tabindex') !== String(value)) node.tabIndex = value;
      }
    }

    function focused({ target }: FocusEvent): void {
      if (target instanceof HTMLElement && items().includes(target)) stop = target;
      sync();
    }

    function keys(event: KeyboardEvent): void {
      if (event.defaultPrevented || !(event.target instanceof HTMLElement)) return;
      const from = event.target;
      const all = items().filter(isShown);
      if (!all.includes(from) || scrollsBy(event, from)) return;
      const to = horizontal ? beside(event, from, all) : target(event, from, all);
      if (to === undefined) return;
      event.preventDefault();
      to?.focus();
    }

    /** The item that a key leads to; null when the key is done, undefined when it is not for a list. */
    function target(
      event: KeyboardEvent,
      from: HTMLElement,
      all: readonly HTMLElement[],
    ): HTMLElement | null | undefined {
      if (rows !== undefined) {
        for (const where of ['next', 'previous', 'first', 'last'] as const)
          if (isPressed(event, where)) return (rows.move(from, where), null);
      }
      const heads = all.filter((node, i) => rowOf(node) !== rowOf(all[i - 1]));
      const at = heads.findIndex((node) => rowOf(node) === rowOf(from));
      if (isPressed(event, 'next')) return heads[at + 1] ?? null;
      if (isPressed(event, 'previous')) return heads[at - 1] ?? null;
      if (!isScrolled && isPressed(event, 'first')) return heads[0] ?? null;
      if (!isScrolled && isPressed(event, 'last')) return heads.at(-1) ?? null;
      const row = all.filter((node) => rowOf(node) === rowOf(from));
      const toggle = row.find((node) => node.ariaExpanded !== null);
      const column = row.indexOf(from);
      if (isPressed(event, 'inward')) {
        if (toggle?.ariaExpanded === 'false') return (toggle.click(), null);
        return row[column + 1];
      }
      if (isPressed(event, 'outward')) {
        if (column > 0) return row[column - 1]!;
        if (toggle?.ariaExpanded === 'true') return (toggle.click(), null);
        if (rows !== undefined) return (rows.move(from, 'parent'), null);
        const parent = rowOf(from)?.closest('li')?.parentElement?.closest('li');
        return heads.find((node) => parent !== undefined && parent !== null && parent.contains(node));
      }
      return undefined;
    }

    function beside(
      event: KeyboardEvent,
      from: HTMLElement,
      all: readonly HTMLElement[],
    ): HTMLElement | null | undefined {
      const at = all.indexOf(from);
      if (isPressed(event, 'inward')) return all[at + 1] ?? null;
      if (isPressed(event, 'outward')) return all[at - 1] ?? null;
      if (!isScrolled && isPressed(event, 'first')) return all[0] ?? null;
      if (!isScrolled && isPressed(event, 'last')) return all.at(-1) ?? null;
      return undefined;
    }

    list.dataset['roving'] = '';
    sync();
    const observer = new MutationObserver(sync);
    observer.observe(list, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ['aria-current', 'disabled', 'href', 'tabindex'],
    });
    list.addEventListener('focusin', focused);
    list.addEventListener('keydown', keys);
    if (isScrolled) list.addEventListener('scrollend', scrolled);
    return () => {
      observer.disconnect();
      list.removeEventListener('focusin', focused);
      list.removeEventListener('keydown', keys);
      list.removeEventListener('scrollend', scrolled);
    };
  };
}

function rowOf(node: HTMLElement | undefined): Element | undefined {
  return node === undefined ? undefined : (node.closest(ROW) ?? node);
}

const isBefore = (node: Element, other: Element): boolean =>
  (node.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;

/** Whether a key scrolls an item that has more than it shows. */
function scrollsBy(event: KeyboardEvent, item: HTMLElement): boolean {
  const below = item.scrollHeight - item.clientHeight - item.scrollTop;
  if (item.matches('a, button')) return false;
  if (isPressed(event, 'next')) return below > 1;
  return isPressed(event, 'previous') && item.scrollTop > 0;
}
