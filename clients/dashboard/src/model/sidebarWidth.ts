/** Widths of the sidebar, in pixels. */
export const SIDEBAR = { min: 220, usual: 280, max: 520, step: 16 } as const;

/** The part of the window that the sidebar leaves to the page, at least. */
const PAGE_PART = 0.55;

/** The widest sidebar in a window. */
export function widestSidebar(windowWidth: number): number {
  return Math.max(SIDEBAR.min, Math.min(SIDEBAR.max, Math.floor(windowWidth * (1 - PAGE_PART))));
}

/** The nearest width that the sidebar may have in a window; its usual width for what is no number. */
export function sidebarWidthIn(windowWidth: number, wanted: number): number {
  const width = Number.isFinite(wanted) ? Math.round(wanted) : SIDEBAR.usual;
  return Math.min(widestSidebar(windowWidth), Math.max(SIDEBAR.min, width));
}

/** The width that a key asks for, or undefined for another key. */
export function sidebarWidthFor(key: string, width: number): number | undefined {
  switch (key) {
    case 'ArrowLeft':
      return width - SIDEBAR.step;
    case 'ArrowRight':
      return width + SIDEBAR.step;
    case 'Home':
      return SIDEBAR.min;
    case 'End':
      return SIDEBAR.max;
    default:
      return undefined;
  }
}
