/** Folders that a person keeps at hand for each host. */
const MAX_PINNED = 12;

/** The pinned folders of a stored text. Total over any text. */
export function pinnedFolders(stored: string | undefined): readonly string[] {
  try {
    const list: unknown = JSON.parse(stored ?? '[]');
    return Array.isArray(list) ? list.filter((one) => typeof one === 'string').slice(0, MAX_PINNED) : [];
  } catch {
    return [];
  }
}

/** With this folder, the newest first, or without it if it was there. */
export function togglePinned(pinned: readonly string[], folder: string): readonly string[] {
  const plain = plainFolder(folder);
  const others = pinned.filter((one) => one !== plain);
  return others.length < pinned.length ? others : [plain, ...others].slice(0, MAX_PINNED);
}

/** The path of a folder without the slash at its end. */
export const plainFolder = (folder: string): string => folder.trim().replace(/(?<=.)\/+$/, '');
