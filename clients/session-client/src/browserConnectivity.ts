/** What a page tells of its network and of being looked at. */
export interface Wakeable {
  wake(): void;
  networkGone(): void;
}

/** Passes on `visibilitychange`, `online` and `offline` of the page. Returns how to stop. */
export function watchConnectivity(target: Wakeable, page: Document = document, view: Window = window): () => void {
  const wake = () => target.wake();
  const gone = () => target.networkGone();
  const visible = () => (page.visibilityState === 'visible' ? wake() : undefined);
  page.addEventListener('visibilitychange', visible);
  view.addEventListener('online', wake);
  view.addEventListener('offline', gone);
  return () => {
    page.removeEventListener('visibilitychange', visible);
    view.removeEventListener('online', wake);
    view.removeEventListener('offline', gone);
  };
}
