import { randomBytes } from 'node:crypto';
import { ROLES, type Role } from './roles.js';

/** What a process says to the server to be let in. */
export interface Login {
  user: string;
  password: string;
}

/** One login a role. */
export type Credentials = Record<Role, Login>;

/** Fresh credentials: 192 random bits a password. */
export function generateCredentials(): Credentials {
  const entries = ROLES.map((role) => [
    role,
    { user: `pizzapi-${role}`, password: randomBytes(24).toString('base64url') },
  ]);
  return Object.fromEntries(entries) as Credentials;
}

/** Whether a value read from a file holds a login for every role. */
export function isCredentials(value: unknown): value is Credentials {
  if (typeof value !== 'object' || value === null) return false;
  const map = value as Record<string, { user?: unknown; password?: unknown } | undefined>;
  return ROLES.every((role) => typeof map[role]?.user === 'string' && typeof map[role].password === 'string');
}
