import { loginKey, refreshKeyOf, refreshRows, type Backbone } from '@pizzapi/backbone';
import { LOGIN_TTL_MS } from '../auth/cookie.js';
import { MARKER_MS } from '../accounts/store.js';
import type { Sealer } from '../auth/sealed.js';

const PURPOSE = 'pizzapi-oidc-refresh';

/** The refresh tokens of logins through the issuer: sealed, and each under the hash of its login, with which it goes. */
export class RefreshTokens {
  private readonly rows;

  constructor(
    b: Backbone,
    private readonly sealer: Sealer,
  ) {
    this.rows = refreshRows(b);
  }

  /** Stores a token for as long as its login lives. */
  async put(hash: string, token: string, ttlMs = LOGIN_TTL_MS): Promise<void> {
    const sealed = await this.sealer.seal(PURPOSE, { token, login: hash }, ttlMs);
    await this.rows.put(refreshKeyOf(loginKey(hash)), { sealed }, { ttlMs });
  }

  async of(hash: string): Promise<string | undefined> {
    const row = await this.rows.get(refreshKeyOf(loginKey(hash)));
    const values = row === undefined ? undefined : await this.sealer.open(PURPOSE, row.value.sealed);
    // A sealed token counts for its own login only.
    return values?.['login'] === hash && typeof values['token'] === 'string' ? values['token'] : undefined;
  }

  async remove(hash: string): Promise<void> {
    await this.rows.delete(refreshKeyOf(loginKey(hash)), { markerMs: MARKER_MS });
  }
}
