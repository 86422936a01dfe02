import { Cookie } from './cookie.js';
import { DeviceCookie } from './deviceCookie.js';

/** The cookies of one kind of connection. */
export interface CookieSet {
  login: Cookie;
  device: DeviceCookie;
}

/** The cookies of browsers: those that came over https are bound to it. */
export class Cookies {
  private readonly plain: CookieSet;
  private readonly secure: CookieSet;

  constructor(
    secret: Uint8Array,
    /** People come over https, whatever the connection of a proxy is. */
    private readonly isAlwaysSecure: boolean,
    /** The path of the page. */
    path = '',
  ) {
    const of = (secure: boolean): CookieSet => ({
      login: new Cookie(secure, path),
      device: new DeviceCookie(secret, secure, path),
    });
    this.plain = of(false);
    this.secure = of(true);
  }

  of({ isEncrypted }: { isEncrypted: boolean }): CookieSet {
    return this.isAlwaysSecure || isEncrypted ? this.secure : this.plain;
  }
}

/** Whether a request came over a connection that this gateway has encrypted. */
export const isEncrypted = ({ socket }: { socket: object }): boolean =>
  (socket as { encrypted?: unknown }).encrypted === true;
