import { left } from '@pizzapi/protocol';

/** Returns a time in ms since epoch as `2026-01-31 23:59 UTC`. */
export function timestamp(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** `2026-01-31 23:59 UTC (in 2 h)`, or `(expired)`. */
export function expiry(at: number, now: number): string {
  return `${timestamp(at)} (${timeLeft(at, now)})`;
}

/** `in 2 h`, or `expired`. */
export function timeLeft(at: number, now: number): string {
  return at <= now ? 'expired' : `in ${left(at, now)}`;
}
