import { cookieName, readCookie } from '../auth/cookie.js';

/** How long a person may take at the issuer, in ms. */
export const PENDING_MS = 10 * 60_000;

/** The cookie that keeps a sign-in while the browser is at the issuer. The page sends it, from its own site alone. */
export class PendingCookie {
  private readonly name: string;
  private readonly attributes: string;

  constructor(secure: boolean, path = '') {
    this.name = cookieName('pizzapi-oidc', secure, path);
    // A cookie that is bound to its host is bound to the path as well.
    this.attributes = `Path=${secure && path === '' ? '/' : `${path}/api/auth`}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
  }

  read(header: string | undefined): string | undefined {
    return readCookie(header, this.name);
  }

  keep(value: string): string {
    return `${this.name}=${value}; Max-Age=${PENDING_MS / 1_000}; ${this.attributes}`;
  }

  drop(): string {
    return `${this.name}=; Max-Age=0; ${this.attributes}`;
  }
}
