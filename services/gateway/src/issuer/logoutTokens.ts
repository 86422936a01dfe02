import { isMap } from '@pizzapi/protocol';
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { boundedFetch, ISSUER_TIMEOUT_MS } from './boundedFetch.js';

/** What a logout token names: the logins that end. */
export interface LogoutToken {
  issuer: string;
  subject?: string;
  sid?: string;
  /** Names the token, which counts once. */
  id: string;
  expiresAt: number;
}

/** Characters of a token. */
const MAX_CHARS = 16_384;
/** How far the clocks may be apart, and how old a token may be, in seconds. */
const SKEW_S = 60;
const MAX_AGE_S = 5 * 60;
/** Pause between two reads of the keys for a token whose key is unknown, in ms. */
const COOLDOWN_MS = 10_000;
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Signatures by a key that the issuer alone has. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const TYPES = ['logout+jwt', 'jwt'];

interface Issuer {
  issuer: string;
  jwks_uri?: string;
}

/** Checks the logout tokens of an issuer (OpenID Connect Back-Channel Logout 1.0, section 2.6). */
export class LogoutTokens {
  private keys: { uri: string; get: JWTVerifyGetKey } | undefined;

  constructor(private readonly clientId: string) {}

  /** Total over any text. Undefined for what is no valid logout token for this gateway. */
  async verify(text: string, { issuer, jwks_uri: uri }: Issuer): Promise<LogoutToken | undefined> {
    if (text.length > MAX_CHARS || uri === undefined) return undefined;
    try {
      const { payload, protectedHeader } = await jwtVerify(text, this.keysAt(uri), {
        ...{ issuer, audience: this.clientId, algorithms: ALGORITHMS },
        ...{ requiredClaims: ['iat', 'exp', 'jti'], clockTolerance: SKEW_S, maxTokenAge: MAX_AGE_S },
      });
      const { sub: subject, sid, jti: id = '', exp = 0, nonce, events } = payload;
      const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, '');
      if (type !== undefined && !TYPES.includes(type)) return undefined;
      // An ID token has a nonce and no event. It must not end a login.
      if (nonce !== undefined || !isMap(events) || !isMap(events[EVENT])) return undefined;
      if (id === '' || (subject === undefined && typeof sid !== 'string')) return undefined;
      return {
        ...{ issuer, id, expiresAt: exp * 1_000 + SKEW_S * 1_000 },
        ...(subject === undefined ? {} : { subject }),
        ...(typeof sid === 'string' ? { sid } : {}),
      };
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  private keysAt(uri: string): JWTVerifyGetKey {
    if (this.keys?.uri !== uri) {
      const get = createRemoteJWKSet(new URL(uri), {
        cooldownDuration: COOLDOWN_MS,
        timeoutDuration: ISSUER_TIMEOUT_MS,
        [customFetch]: boundedFetch,
      });
      this.keys = { uri, get };
    }
    return this.keys.get;
  }
}
