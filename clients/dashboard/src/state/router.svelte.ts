import { pathBelow } from '../model/pagePath.js';
import { parseRoute, type Route } from '../model/route.js';
import { addressOf, currentPath, PAGE_PATH } from './pagePath.js';

/** The page that is shown, in step with the browser's history. */
class Router {
  route = $state.raw<Route>(parseRoute(currentPath(), location.hash));

  constructor() {
    // The service worker and the installed page have what is below the path, which begins with the slash.
    if (location.pathname === PAGE_PATH)
      history.replaceState(null, '', addressOf('/') + location.search + location.hash);
    const read = () => (this.route = parseRoute(currentPath(), location.hash));
    addEventListener('popstate', read);
    addEventListener('hashchange', read);
  }

  /** Shows another page of ours: `path` is below the path of all pages. `replace` leaves no way back to the present one. */
  go(path: string, options: { replace?: boolean } = {}): void {
    if (options.replace === true) history.replaceState(null, '', addressOf(path));
    else history.pushState(null, '', addressOf(path));
    this.route = parseRoute(currentPath(), location.hash);
  }

  /** Makes a link stay in the page, unless the person asked for a new tab. */
  readonly follow = (event: MouseEvent): void => {
    const link = event.currentTarget as HTMLAnchorElement;
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    event.preventDefault();
    this.go(pathBelow(link.pathname, PAGE_PATH) + link.hash);
  };
}

export const router = new Router();
