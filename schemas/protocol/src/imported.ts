/**
 * The runner id in the rows and events of imported sessions: a historical wire name. It names no runner, and no runner may
 * register with it.
 */
export const IMPORTED = 'import';

/** Returns whether a session was imported from a file. It has ended and has no runner. */
export function isImported({ runnerId }: { runnerId: string }): boolean {
  return runnerId === IMPORTED;
}
