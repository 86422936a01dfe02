/** What counts as open above the page. */
const ABOVE = '[role=dialog], [role=alertdialog], [role=menu]';
/** Frames that a closing dialog may take until it has given the focus back. */
const FRAMES = 60;

/** Whether nothing that a person uses has the focus: no field, no button. */
export function isFocusFree(): boolean {
  const active = document.activeElement;
  return active === null || active === document.body || active === pageElement();
}

/** Moves the focus to the page, unless it is there already. Call it when another page is shown. */
export function focusPage(): void {
  let frames = 0;
  const look = () => {
    // A dialog that led here gives the focus back to what opened it.
    if (document.querySelector(ABOVE) !== null && frames++ < FRAMES) return void requestAnimationFrame(look);
    const page = pageElement();
    if (page !== null && !page.contains(document.activeElement)) page.focus({ preventScroll: true });
  };
  requestAnimationFrame(look);
}

/** The element that holds what the address says to show. */
export function pageElement(): HTMLElement | null {
  return document.getElementById('page');
}

/** The field for messages, if the page has one that takes text. */
export function messageField(): HTMLElement | null {
  return document.getElementById('message');
}
