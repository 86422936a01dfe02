/** A path below the path of all pages: `/s/<sid>` of `/pizza/s/<sid>`. A path beside it stays as it is. */
export function pathBelow(pathname: string, pagePath: string): string {
  if (pathname === pagePath) return '/';
  return pagePath !== '' && pathname.startsWith(`${pagePath}/`) ? pathname.slice(pagePath.length) : pathname;
}
