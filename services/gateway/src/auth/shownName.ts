/** Characters of a name that are read; the rest is cut before any work. */
const MAX_READ = 1_000;

/**
 * Returns the name of a person as others see it: without control and formatting characters, which could make it look like
 * something else, and cut.
 */
export function shownName(given: string, maxChars = 80): string {
  const plain = given
    .slice(0, MAX_READ)
    .normalize('NFC')
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
  return [...plain].slice(0, maxChars).join('').trim();
}
