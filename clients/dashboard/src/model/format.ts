import { ago, visibleLine } from '@pizzapi/protocol';

/** Numbers and times as people read them. Pure: the present is an argument. */

const DAY = 24 * 60 * 60_000;

/** `now`, `5m`, `3h`, `2d`, then a date: how long ago, in as few letters as a list has room for. */
export function agoOrDate(at: number, now: number): string {
  if (now - at < 7 * DAY) return ago(at, now);
  return new Date(at).toLocaleDateString(undefined, { month: 'short', day: 'numeric' });
}

/** The same in a sentence: `just now`, `5m ago`, then a date. */
export function since(at: number, now: number): string {
  const short = agoOrDate(at, now);
  if (short === 'now') return 'just now';
  return now - at < 7 * DAY ? `${short} ago` : short;
}

/** `0.4s`, `12s`, `3m 05s`, `1h 12m`. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${String(seconds % 60).padStart(2, '0')}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, '0')}m`;
}

/** `840`, `12.3k`, `1.2M`. */
export function count(n: number): string {
  if (n < 1000) return String(Math.round(n));
  if (n < 1_000_000) return `${trim(n / 1000)}k`;
  return `${trim(n / 1_000_000)}M`;
}

/** US dollars: cents when there are some, more places while there are not. */
export function usd(amount: number): string {
  if (amount === 0) return '$0';
  return amount < 0.1 ? `$${amount.toFixed(4)}` : `$${amount.toFixed(2)}`;
}

/** `512 B`, `12 KB`, `3.4 MB`. */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  if (n < 1024 * 1024) return `${Math.round(n / 1024)} KB`;
  return `${trim(n / 1024 / 1024)} MB`;
}

/** The last part of a path: what a person calls the folder. */
export function folderName(path: string): string {
  return visibleLine(path.replace(/\/+$/, '').split('/').at(-1) ?? '') || '/';
}

/** A path with the home folder as `~`. */
export function tilde(path: string): string {
  return visibleLine(path).replace(/^(\/home\/[^/]+|\/Users\/[^/]+|\/root)(?=\/|$)/, '~');
}

/** `claude-sonnet-4-5` of `anthropic/claude-sonnet-4-5`. */
export function modelName(model: string): string {
  return visibleLine(model.slice(model.indexOf('/') + 1));
}

/** `one file`, `3 files`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return n === 1 ? `1 ${one}` : `${n} ${many}`;
}

function trim(n: number): string {
  return n.toFixed(1).replace(/\.0$/, '');
}
