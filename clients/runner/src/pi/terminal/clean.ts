import { visibleText } from '@pizzapi/protocol';

export { visibleText };

/** As `visibleText`, for every text in a value of JSON. */
export function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return visibleText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [visibleText(key), cleanValue(part)]));
}
