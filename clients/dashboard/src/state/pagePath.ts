import { pathBelow } from '../model/pagePath.js';

/** The path of the page below its host, as the gateway wrote it into the page: `/pizza`. Empty at the root of the host. */
export const PAGE_PATH = document.querySelector<HTMLMetaElement>('meta[name=page-path]')?.content ?? '';

/** The address of one of our pages or files on this host: `/pizza/s/<sid>` of `/s/<sid>`. */
export const addressOf = (path: string): string => PAGE_PATH + path;

/** The address of the gateway that served this page, as programs and people of other machines write it. */
export const GATEWAY = location.origin + PAGE_PATH;

/** The path of the page that is shown, below the path of all pages. */
export const currentPath = (): string => pathBelow(location.pathname, PAGE_PATH);
