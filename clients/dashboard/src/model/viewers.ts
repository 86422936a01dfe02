import type { Presence, ViewerMode } from '@pizzapi/protocol';

/** Somebody who watches, in however many tabs. */
export interface ListedViewer {
  key: string;
  name: string;
  mode: ViewerMode;
  you: boolean;
  tabs: number;
}

export const MODE_LABELS: Readonly<Record<ViewerMode, string>> = {
  owner: 'Owner',
  approve: 'Can approve',
  collab: 'Can write',
  read: 'Read-only',
};
const RANK: Readonly<Record<ViewerMode, number>> = { owner: 0, approve: 1, collab: 2, read: 3 };

/** Everybody who watches, once each: owners first, then by name. `me` is the user id of who looks, where it is known. */
export function watchersOf(viewers: readonly Presence[], me?: string): ListedViewer[] {
  const watchers = new Map<string, ListedViewer>();
  for (const { userId, mode, name } of viewers) {
    const key = `${userId} ${mode} ${name ?? ''}`;
    const known = watchers.get(key);
    if (known !== undefined) known.tabs += 1;
    else watchers.set(key, { key, name: name || nameless(mode), mode, you: userId === me, tabs: 1 });
  }
  return [...watchers.values()].sort((a, b) => RANK[a.mode] - RANK[b.mode] || a.name.localeCompare(b.name));
}

const nameless = (mode: ViewerMode): string => (mode === 'owner' ? 'Owner' : 'Guest');

/** One or two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!] : words;
  return (
    letters
      .map((word) => [...word][0] ?? '')
      .join('')
      .toUpperCase() || '?'
  );
}

/** The same number below `n` for the same text: which colour a person has. */
export function colourOf(text: string, n: number): number {
  let sum = 0;
  for (const char of text) sum = (sum * 31 + char.codePointAt(0)!) % 65_521;
  return sum % n;
}
