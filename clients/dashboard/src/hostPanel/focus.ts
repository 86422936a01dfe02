/** Frames that the program of a tab and its content may take to come. */
const FRAMES = 120;

const PANEL = '[data-host-panel]';
const isShown = (node: HTMLElement) => node.getClientRects().length > 0;

export function isInHostPanel(node: Element | null): boolean {
  return node !== null && node.closest(PANEL) !== null;
}

/** Gives the focus to what the shown tab marks with `data-host-focus`, once it is there; to the chosen tab until then. */
export function focusHostPanel(): void {
  let frames = 0;
  const look = () => {
    const panel = document.querySelector<HTMLElement>(PANEL);
    const isElsewhere = frames > 1 && !isInHostPanel(document.activeElement);
    if (panel === null || isElsewhere) return;
    const content = [...panel.querySelectorAll<HTMLElement>('[data-host-focus]')].find(isShown);
    if (content !== undefined) return content.focus();
    if (frames <= 1) panel.querySelector<HTMLElement>('[role=tab][aria-selected=true]')?.focus();
    if (frames++ < FRAMES) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
