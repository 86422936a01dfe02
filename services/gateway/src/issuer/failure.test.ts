import { describe, expect, it } from 'vitest';
import { isPersonRefused, issuerErrorText } from './failure.js';

/** An error of the library: what the issuer has answered. */
const answered = (status: number, error: string) =>
  Object.assign(new Error('answer'), { code: 'OAUTH_RESPONSE_BODY_ERROR', status, error });
const coded = (code: string) => Object.assign(new Error('refused'), { code });

describe('a refresh token that the issuer refuses', () => {
  it.each([
    ['it is revoked', answered(400, 'invalid_grant')],
    ['the person has to sign in anew', answered(400, 'interaction_required')],
  ])('ends the sign-in when %s', (_why, error) => {
    expect(isPersonRefused(issuerErrorText(error))).toBe(true);
  });

  it.each([
    ['the secret of the client has changed', answered(401, 'invalid_client')],
    ['the client may no longer use it', answered(400, 'unauthorized_client')],
    ['the scope is unknown', answered(400, 'invalid_scope')],
    ['the userinfo endpoint refuses', coded('OAUTH_WWW_AUTHENTICATE_CHALLENGE')],
    ['a clock is off', coded('OAUTH_JWT_TIMESTAMP_CHECK_FAILED')],
    ['the issuer fails', answered(503, 'server_error')],
    ['it names no error', new Error('?')],
  ])('does not end the sign-in when %s', (_why, error) => {
    expect(isPersonRefused(issuerErrorText(error))).toBe(false);
  });

  it('of another person ends the sign-in', () => {
    expect(isPersonRefused({ kind: 'refused', why: 'subject_changed' })).toBe(true);
  });
});
