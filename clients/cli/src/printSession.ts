import { gatewayOf } from './home.js';
import { jsonLine, line, type Io } from './io.js';
import { sessionPage, type SessionRef } from './sessionRef.js';

/** The help of `--json` where the line has nothing beside the session. */
export const SESSION_JSON = 'Print one line of JSON: { sessionId, url }';

/** Prints a session as one line of JSON: `sessionId`, `url`, and what the command adds. */
export function printSession(
  io: Io,
  { sid, url }: Pick<SessionRef, 'sid' | 'url'>,
  flags: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const { home } = gatewayOf(flags, io);
  line(io.stdout, jsonLine({ sessionId: sid, url: sessionPage(sid, url, home), ...more }));
}
