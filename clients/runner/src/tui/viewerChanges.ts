import { visibleLine, type Presence, type ViewerMode } from '@pizzapi/protocol';

/** A person who watches a shared terminal. */
export interface ShareViewer {
  /** The same for the same person. */
  key: string;
  name: string;
  mode: ViewerMode;
}

const MAY: Readonly<Record<ViewerMode, string>> = {
  owner: 'you, elsewhere',
  approve: 'can write and approve',
  collab: 'can write',
  read: 'read-only',
};

/**
 * The people who watch, once each. The connection by which the terminal learns of them is one of the owner and is left
 * out.
 */
export function viewersOf(presence: readonly Presence[]): ShareViewer[] {
  const owners = presence.filter(({ mode }) => mode === 'owner').slice(1);
  const others = presence.filter(({ mode }) => mode !== 'owner');
  const viewers = new Map<string, ShareViewer>();
  for (const { userId, mode, name = '' } of [...owners, ...others]) {
    const shown = visibleLine(name) || (mode === 'owner' ? 'Owner' : 'A guest');
    const key = `${userId} ${shown}`;
    viewers.set(key, { key, name: shown, mode });
  }
  return [...viewers.values()];
}

/** `Ada (can write)` */
export const viewerText = ({ name, mode }: ShareViewer): string => `${name} (${MAY[mode]})`;

/** One line for each person who came or left. */
export function viewerChanges(before: readonly ShareViewer[], after: readonly ShareViewer[]): string[] {
  const has = (viewers: readonly ShareViewer[], { key }: ShareViewer) => viewers.some((one) => one.key === key);
  return [
    ...after.filter((viewer) => !has(before, viewer)).map((viewer) => `${viewerText(viewer)} joined`),
    ...before.filter((viewer) => !has(after, viewer)).map(({ name }) => `${name} left`),
  ];
}
