import type { Principal } from '../auth/principal.js';

/** Arguments that say who does something, of whatever command. Nobody says that of themselves. */
const CLAIMS: readonly string[] = ['by'];

/**
 * The arguments of a command without what a client claims of itself. Who sends a command is in its `by`, which the
 * gateway writes; a message has its sender as `from`, which is a session where one sends it.
 */
export function withoutClaims(
  name: string,
  args: Readonly<Record<string, unknown>>,
  { userId }: Pick<Principal, 'userId'>,
): Record<string, unknown> {
  const own = Object.fromEntries(Object.entries(args).filter(([key]) => !CLAIMS.includes(key)));
  return name === 'session_message' ? { ...own, from: userId } : own;
}
