/** How long a login lasts, in ms. */
export const LOGIN_TTL_MS = 30 * 24 * 60 * 60_000;

/** The cookie of the dashboard. */
export class Cookie {
  private readonly name: string;
  private readonly attributes: string;

  /**
   * `secure`: people come over https, so that the cookie may be kept to it and to this very host. Strict: the page is
   * open to anyone and its own requests come from its own site, so deep links work all the same. `path`: the path of the
   * page, when it shares its host: the other programs of the host are not sent the cookie.
   */
  constructor(secure: boolean, path = '') {
    this.name = cookieName('pizzapi', secure, path);
    this.attributes = `Path=${path === '' ? '/' : path}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
  }

  /** Its value in a `Cookie` header. */
  read(header: string | undefined): string | undefined {
    return readCookie(header, this.name);
  }

  /** The `Set-Cookie` header that keeps `value` as long as a login lasts. */
  keep(value: string): string {
    return `${this.name}=${value}; Max-Age=${LOGIN_TTL_MS / 1000}; ${this.attributes}`;
  }

  /** The `Set-Cookie` header that drops it. */
  drop(): string {
    return `${this.name}=; Max-Age=0; ${this.attributes}`;
  }
}

/** Browsers keep a cookie named `__Host-` to its host, and take one only for the whole host; `__Secure-` keeps it to https. */
export function cookieName(name: string, secure: boolean, path: string): string {
  if (!secure) return name;
  return path === '' ? `__Host-${name}` : `__Secure-${name}`;
}

/** The value of a cookie in a `Cookie` header. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
