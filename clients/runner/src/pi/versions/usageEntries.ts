import { isMap } from '@pizzapi/protocol';

/**
 * Whether pi has recorded what was used beside the messages, such as a cache that was kept warm. pi 1.x has entries of its
 * own for that, and tells when it adds one.
 */
export function recordsUsage(event: { type: string }): boolean {
  const entry: unknown = event.type === 'entry_appended' ? Reflect.get(event, 'entry') : undefined;
  return isMap(entry) && entry['type'] === 'usage';
}
