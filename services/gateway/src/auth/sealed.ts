import { deriveKey } from '@pizzapi/process';
import { EncryptJWT, errors, jwtDecrypt } from 'jose';

const ENCRYPTION = 'A256GCM';

/**
 * Encrypts what must be read by the gateways of this installation alone: a JWE (RFC 7516) by a key that is made from the
 * gateway's secret. `purpose` keeps the texts of one use from passing for those of another.
 */
export class Sealer {
  private readonly key: Uint8Array;

  constructor(
    secret: Uint8Array,
    private readonly now: () => number = Date.now,
  ) {
    this.key = deriveKey(secret, 'issuer');
  }

  seal(purpose: string, values: Record<string, string>, ttlMs: number): Promise<string> {
    return new EncryptJWT(values)
      .setProtectedHeader({ alg: 'dir', enc: ENCRYPTION })
      .setAudience(purpose)
      .setExpirationTime(Math.floor((this.now() + ttlMs) / 1_000))
      .encrypt(this.key);
  }

  /** Undefined for any text that was not sealed for this purpose, or has expired. */
  async open(purpose: string, text: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    try {
      const { payload } = await jwtDecrypt(text, this.key, {
        ...{ audience: purpose, requiredClaims: ['exp'], currentDate: new Date(this.now()) },
        ...{ keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: [ENCRYPTION] },
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }
}
