import { createNkeySeed, isNkeySeed } from '@pizzapi/backbone';
import { isNatsCredentials, NKEY_ROLES, type NatsCredentials, type NkeyLogin } from '@pizzapi/process';
import { randomBytes } from 'node:crypto';

/** Fresh credentials. */
export function generateCredentials(): NatsCredentials {
  const nkey = (): NkeyLogin => ({ nkeySeed: createNkeySeed('user') });
  return {
    admin: nkey(),
    gateway: nkey(),
    projector: nkey(),
    authenticator: nkey(),
    auditor: { user: 'pizzapi-auditor', password: randomBytes(24).toString('base64url') },
    issuerSeed: createNkeySeed('account'),
  };
}

/** Whether a value read from a file has a login for every role, and every seed is a valid one. */
export function isCredentials(value: unknown): value is NatsCredentials {
  return (
    isNatsCredentials(value) &&
    NKEY_ROLES.every((role) => isNkeySeed(value[role].nkeySeed, 'user')) &&
    isNkeySeed(value.issuerSeed, 'account')
  );
}
