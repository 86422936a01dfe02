import { parseRoute, type Route } from '../model/route.js';

/** The page that is shown, in step with the browser's history. */
class Router {
  route = $state.raw<Route>(parseRoute(location.pathname, location.hash));

  constructor() {
    const read = () => (this.route = parseRoute(location.pathname, location.hash));
    addEventListener('popstate', read);
    addEventListener('hashchange', read);
  }

  /** Shows another page of ours. `replace` leaves no way back to the present one. */
  go(path: string, options: { replace?: boolean } = {}): void {
    if (options.replace === true) history.replaceState(null, '', path);
    else history.pushState(null, '', path);
    this.route = parseRoute(location.pathname, location.hash);
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
    this.go(link.pathname + link.hash);
  };
}

export const router = new Router();
