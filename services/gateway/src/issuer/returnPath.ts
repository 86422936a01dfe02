/**
 * Returns the path of the page to show after a sign-in: `/` for any text that is not a path of our own. A browser reads
 * `//host`, `/\host` and control characters as another address.
 */
export function returnPath(given: string | undefined): string {
  if (given === undefined || !/^\/(?![/\\])[^\\\s\p{C}]*$/u.test(given)) return '/';
  const { origin, pathname, search, hash } = new URL(given, HERE);
  // Dots of a path can leave a second slash at its beginning.
  if (origin !== HERE || pathname.startsWith('//') || pathname.startsWith('/auth/')) return '/';
  return pathname + search + hash;
}

const HERE = 'http://page.invalid';
