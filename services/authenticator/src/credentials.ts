import { createNkeySeed, isNkeySeed } from '@pizzapi/backbone';
import { randomBytes } from 'node:crypto';

/** The login of a process: an nkey seed (`SU…`), which never leaves the process. */
export interface NkeyLogin {
  nkeySeed: string;
}

/** The login of a person with the `nats` command. */
export interface PasswordLogin {
  user: string;
  password: string;
}

/** What an installation's processes say to nats-server to be let in, one login a role. Kept in a file of mode 0600. */
export interface NatsCredentials {
  /** The provisioner's: may do everything. */
  admin: NkeyLogin;
  gateway: NkeyLogin;
  projector: NkeyLogin;
  authenticator: NkeyLogin;
  auditor: PasswordLogin;
  /** The account seed (`SA…`) with which the authenticator signs who may connect as a host. */
  issuerSeed: string;
}

const NKEY_ROLES = ['admin', 'gateway', 'projector', 'authenticator'] as const;

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

/** Whether a value read from a file holds a login for every role. */
export function isCredentials(value: unknown): value is NatsCredentials {
  if (typeof value !== 'object' || value === null) return false;
  const { auditor, issuerSeed, ...logins } = value as Record<string, Record<string, unknown> | undefined>;
  return (
    NKEY_ROLES.every((role) => isNkeySeed(logins[role]?.['nkeySeed'], 'user')) &&
    typeof auditor?.['user'] === 'string' &&
    typeof auditor['password'] === 'string' &&
    isNkeySeed(issuerSeed, 'account')
  );
}
