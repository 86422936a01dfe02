import { createHmac } from 'node:crypto';
import { isId, type ShareMode } from '@pizzapi/protocol';
import { errors, jwtVerify, SignJWT } from 'jose';

/** How long a link lives at most, in ms. */
export const MAX_SHARE_MS = 30 * 24 * 60 * 60_000;
/** A signing key serves for so long; the one before it is accepted for as long again, which no link outlives. */
const KEY_PERIOD_MS = MAX_SHARE_MS;
/** How far the clocks of two gateways may be apart, in ms. */
const SKEW_MS = 60_000;
/** Characters of a token; ours have about 400. */
const MAX_TOKEN_CHARS = 2_048;

const ALGORITHM = 'HS256';
const TYPE = 'pizzapi-share+jwt';
const ISSUER = 'pizzapi';
const AUDIENCE = 'pizzapi-share';

/** What a share token says. `mode` is what the link was made with; the one that counts is the stored link's. */
export interface ShareTokenClaims {
  sid: string;
  shareId: string;
  mode: ShareMode;
  /** ms since epoch; kept to the second. */
  expiresAt: number;
}

/**
 * The tokens of share links: JWTs (RFC 7519) signed with HMAC-SHA-256 by keys that are made from the gateway's secret,
 * one a month, and known by their `kid`. All gateways of an installation know all keys.
 */
export class ShareTokens {
  private readonly keys = new Map<string, Uint8Array>();

  constructor(
    private readonly secret: Uint8Array,
    private readonly now: () => number = Date.now,
  ) {}

  sign({ sid, shareId, mode, expiresAt }: ShareTokenClaims): Promise<string> {
    const now = this.now();
    const kid = kidAt(now);
    return new SignJWT({ mode })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(sid)
      .setJti(shareId)
      .setIssuedAt(Math.floor(now / 1_000))
      .setExpirationTime(Math.floor(expiresAt / 1_000))
      .sign(this.keyOf(kid));
  }

  /** Which link a token is for, or undefined unless it is one of ours, untouched and not expired. Total over any string. */
  async verify(token: string): Promise<{ sid: string; shareId: string } | undefined> {
    if (token.length > MAX_TOKEN_CHARS || !isCanonical(token)) return undefined;
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.keyOf(this.accepted(kid)), {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ['sub', 'jti', 'iat', 'exp'],
        currentDate: new Date(this.now()),
      });
      const { sub, jti } = payload;
      return isId(sub) && isId(jti) ? { sid: sub, shareId: jti } : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  /** The key id if its key may have signed a link that still lives. */
  private accepted(kid: string | undefined): string {
    const now = this.now();
    const known = [kidAt(now), kidAt(now - KEY_PERIOD_MS), kidAt(now + SKEW_MS)];
    if (kid === undefined || !known.includes(kid)) throw new errors.JWKSNoMatchingKey();
    return kid;
  }

  private keyOf(kid: string): Uint8Array {
    let key = this.keys.get(kid);
    if (key === undefined) {
      key = createHmac('sha256', this.secret).update(`pizzapi/share/${kid}`).digest();
      this.keys.set(kid, key);
    }
    return key;
  }
}

/** Base64url has spare bits at its end, which a decoder passes over: with any of them set a token is not ours. */
const isCanonical = (token: string): boolean =>
  token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);

const kidAt = (time: number): string => `s${Math.floor(time / KEY_PERIOD_MS)}`;
