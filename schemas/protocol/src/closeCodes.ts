/**
 * The reasons why a WebSocket closes, and whether the client reconnects. For a code that is not in the table its range
 * decides: the client reconnects after 4000–4399 and everything below 4000, and does not after 4400–4999.
 */
export const CLOSE_CODES = {
  normal: { code: 1000, reconnect: false, meaning: 'The client left.' },
  going_away: { code: 1001, reconnect: true, meaning: 'The page or process was closed.' },
  abnormal: { code: 1006, reconnect: true, meaning: 'The connection was lost.' },
  policy: { code: 1008, reconnect: false, meaning: 'The client violated the protocol.' },
  too_large: { code: 1009, reconnect: true, meaning: 'A message was larger than 1 MiB.' },
  internal: { code: 1011, reconnect: true, meaning: 'The gateway failed.' },
  restarting: {
    code: 1012,
    reconnect: true,
    meaning: 'The gateway restarts; reconnect after the given jitter.',
  },
  bad_frame: { code: 4001, reconnect: false, meaning: 'A frame was invalid.' },
  too_slow: { code: 4008, reconnect: true, meaning: 'The viewer made no progress for 30 s.' },
  too_many: { code: 4029, reconnect: true, meaning: 'There are too many connections; reconnect later.' },
  revoked: { code: 4401, reconnect: false, meaning: 'The credentials were revoked.' },
  session_gone: { code: 4410, reconnect: false, meaning: 'The session was deleted.' },
  terminal_gone: { code: 4411, reconnect: false, meaning: 'The terminal has ended, or no terminal has this id.' },
} as const satisfies Record<string, { code: number; reconnect: boolean; meaning: string }>;

export type CloseName = keyof typeof CLOSE_CODES;

const BY_CODE = new Map<number, boolean>(Object.values(CLOSE_CODES).map(({ code, reconnect }) => [code, reconnect]));

/** Returns whether a client reconnects after a close with this code. Total over all numbers. */
export function shouldReconnect(code: number): boolean {
  return BY_CODE.get(code) ?? !(code >= 4400 && code <= 4999);
}

/**
 * Returns the reason text of close code 1012: the milliseconds to wait before resuming, so that clients do not all
 * reconnect at once.
 */
export function restartReason(jitterMs: number): string {
  return `resume after ${Math.round(jitterMs)} ms`;
}

/** The inverse of `restartReason`. Returns milliseconds, or undefined when the text holds no delay. */
export function restartDelay(reason: string): number | undefined {
  const match = /^resume after (\d{1,6}) ms$/.exec(reason);
  return match === null ? undefined : Number(match[1]);
}
