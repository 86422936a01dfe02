/** First segments of paths of the gateway itself. A path of the page that began with one of them could mean both. */
const OWN = [
  ...['api', 'ws', 'nats', 'livez', 'readyz', 'metrics', 'install'],
  ...['assets', 'auth', 's', 'l', 'pair', 'invite', 'settings'],
] as const;

/** What a path of the page is, for a person who wrote another one. */
export const PAGE_PATH_RULE = `letters, digits, - and _ between slashes, and not ${OWN.join(', ')} at the beginning`;

/**
 * Reads the address of the page: http or https, a host, a port and a path. Returns it as browsers write it, without a slash
 * at its end; undefined for any other text.
 */
export function readPageUrl(text: string): string | undefined {
  const given = text.trim();
  if (!/^https?:\/\/[^/?#@,\s]+(\/[\w-]+)*\/*$/i.test(given) || !URL.canParse(given)) return undefined;
  const { origin, pathname } = new URL(given);
  const path = pathname.replace(/\/+$/, '');
  const first = path.split('/')[1];
  return OWN.some((own) => own === first) ? undefined : origin + path;
}

/** The path of the address of the page, `/pizza`; empty for a page at the root of its host. */
export function pagePathOf(pageUrl: string | undefined): string {
  return pageUrl === undefined || !URL.canParse(pageUrl) ? '' : new URL(pageUrl).pathname.replace(/\/+$/, '');
}

/**
 * Returns the address of a request without the path of the page. A proxy that hands a path on keeps it or takes it away:
 * the gateway answers to both.
 */
export function withoutPagePath(url: string, pagePath: string): string {
  if (pagePath === '' || !url.startsWith(pagePath)) return url;
  const rest = url.slice(pagePath.length);
  if (rest.startsWith('/')) return rest;
  return rest === '' || rest.startsWith('?') ? `/${rest}` : url;
}
