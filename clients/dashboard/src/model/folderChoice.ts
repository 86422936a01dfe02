/**
 * The suggestion that Enter and Tab take before the person goes to another one: the first one for a half-typed path. -1
 * for the path of a folder: it needs no suggestion.
 */
export function firstChoice(path: string, folders: readonly string[]): number {
  const isWhole = path.trim() === '' || path === '~' || path.endsWith('/') || folders.includes(path);
  return isWhole || folders.length === 0 ? -1 : 0;
}
