/** What a page tells of its network and of being looked at. */
export interface Wakeable {
  wake(): void;
  networkGone(): void;
}

/** Events after which a connection may be dead: the page was hidden, frozen or in the cache, or the machine slept. */
const PAGE_EVENTS = ['visibilitychange', 'resume'] as const;
const VIEW_EVENTS = ['focus', 'pageshow'] as const;

/** Passes on the wake-up events, `online` and `offline` of the page. Returns how to stop. */
export function watchConnectivity(target: Wakeable, page: Document = document, view: Window = window): () => void {
  const gone = () => target.networkGone();
  const online = () => target.wake();
  const wake = () => (page.visibilityState === 'visible' ? target.wake() : undefined);
  for (const name of PAGE_EVENTS) page.addEventListener(name, wake);
  for (const name of VIEW_EVENTS) view.addEventListener(name, wake);
  view.addEventListener('online', online);
  view.addEventListener('offline', gone);
  return () => {
    for (const name of PAGE_EVENTS) page.removeEventListener(name, wake);
    for (const name of VIEW_EVENTS) view.removeEventListener(name, wake);
    view.removeEventListener('online', online);
    view.removeEventListener('offline', gone);
  };
}
