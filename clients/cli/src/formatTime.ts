/** Returns a duration: `now` below a minute, `5m`, `3h`, `2d`. */
export function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'now';
  if (minutes < 60) return `${minutes}m`;
  return minutes < 60 * 24 ? `${Math.floor(minutes / 60)}h` : `${Math.floor(minutes / 60 / 24)}d`;
}

/** Returns a time in ms since epoch as `2026-01-31 23:59 UTC`. */
export function timestamp(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** Returns `2026-01-31 23:59 UTC (in 2h)`, or `(over)`. */
export function expiry(at: number, now: number): string {
  return `${timestamp(at)} (${left(at, now)})`;
}

/** Returns `in 2h`, or `over`. */
export function left(at: number, now: number): string {
  if (at <= now) return 'over';
  const minutes = Math.ceil((at - now) / 60_000);
  if (minutes < 120) return `in ${minutes}m`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `in ${hours}h` : `in ${Math.round(hours / 24)}d`;
}
