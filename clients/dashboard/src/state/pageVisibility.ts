/**
 * Tells whether the person has this tab before their eyes: in sight, and in the window they work in. Now, and whenever
 * that changes. Returns how to stop.
 */
export function watchPageVisibility(
  tell: (seen: boolean) => void,
  page: Document = document,
  view: Window = window,
): () => void {
  const look = () => tell(page.visibilityState === 'visible' && page.hasFocus());
  page.addEventListener('visibilitychange', look);
  view.addEventListener('focus', look);
  view.addEventListener('blur', look);
  look();
  return () => {
    page.removeEventListener('visibilitychange', look);
    view.removeEventListener('focus', look);
    view.removeEventListener('blur', look);
  };
}
