import { refreshRows, type Backbone } from '@pizzapi/backbone';
import { LOGIN_TTL_MS } from '../auth/cookie.js';
import type { Sealer } from './sealed.js';

const PURPOSE = 'pizzapi-oidc-refresh';

/** The refresh tokens of logins through the issuer: sealed, and each under the hash of its login. */
export class RefreshTokens {
  private readonly rows;

  constructor(
    b: Backbone,
    private readonly sealer: Sealer,
  ) {
    this.rows = refreshRows(b);
  }

  async put(hash: string, token: string): Promise<void> {
    const sealed = await this.sealer.seal(PURPOSE, { token, login: hash }, LOGIN_TTL_MS);
    await this.rows.put(`refresh.${hash}`, { sealed }, { ttlMs: LOGIN_TTL_MS });
  }

  async of(hash: string): Promise<string | undefined> {
    const row = await this.rows.get(`refresh.${hash}`);
    const values = row === undefined ? undefined : await this.sealer.open(PURPOSE, row.value.sealed);
    // A sealed token counts for its own login only.
    return values?.['login'] === hash && typeof values['token'] === 'string' ? values['token'] : undefined;
  }

  async remove(hash: string): Promise<void> {
    await this.rows.delete(`refresh.${hash}`, { markerMs: 60_000 });
  }
}
