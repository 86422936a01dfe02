import { natsUserOf, parseNatsUser, type HostLogin } from '@pizzapi/protocol';

/**
 * How the server shows the connection of a host, in its own listings too: who it is, and what it was let in by. A
 * connection whose reason is gone is found by this name.
 */
export type ConnectionName =
  { kind: 'runner' | 'keeper'; rid: string; keyId: string } | { kind: 'session'; sid: string; rid: string };

/** `runner.<rid>@<key id>`, `keeper.<rid>@<key id>`, `session.<sid>@<rid>`. */
export function connectionName(login: HostLogin, by: string): string {
  return `${natsUserOf(login)}@${by}`;
}

/** The inverse of `connectionName`; undefined for who is no host. */
export function parseConnectionName(name: string): ConnectionName | undefined {
  const at = name.indexOf('@');
  const login = at < 0 ? undefined : parseNatsUser(name.slice(0, at))?.login;
  if (login === undefined) return undefined;
  const by = name.slice(at + 1);
  return login.kind === 'session' ? { ...login, rid: by } : { ...login, keyId: by };
}
