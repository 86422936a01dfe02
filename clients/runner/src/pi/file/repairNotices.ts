import type { ParsedFile } from '../sessionFile.js';

/** How many damaged lines are named. */
const NAMED_LINES = 20;

/**
 * What people read when a session continues a file that was not perfect. Repairs of a session's own file are not
 * repeated each time that it wakes.
 */
export function repairNotices(
  path: string,
  { damage, repairs, skipped, needsCopy }: Pick<ParsedFile, 'damage' | 'repairs' | 'skipped' | 'needsCopy'>,
  { isOwn, unpaired }: { isOwn: boolean; unpaired: string[] },
): string[] {
  const notices: string[] = [];
  if (damage.length > 0) {
    const named = damage.slice(0, NAMED_LINES).map(({ line, what }) => `line ${line} ${what}`);
    const more = damage.length > NAMED_LINES ? [`${damage.length - NAMED_LINES} more`] : [];
    notices.push(
      `${path} is damaged, and continues in a copy with what could be read: ${[...named, ...more].join('; ')}`,
    );
  }
  const all = [...repairs, ...unpaired];
  if (all.length > 0 && (!isOwn || needsCopy)) notices.push(`${path} was repaired for this session: ${all.join('; ')}`);
  if (skipped.length > 0 && !isOwn) notices.push(`${path} is from a newer pi. Left out: ${skipped.join('; ')}`);
  return notices;
}
