/** A decoded value that has not been checked. */
export type UnknownMap = Record<string, unknown>;

/** Returns true for a plain map: the form of events, frames and commands. */
export function isMap(value: unknown): value is UnknownMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the string at `key`, or undefined. Folds use these readers so that they are total over any input. */
export function stringAt(map: UnknownMap, key: string): string | undefined {
  const value = map[key];
  return typeof value === 'string' ? value : undefined;
}

/** Returns the finite number at `key`, or undefined. */
export function numberAt(map: UnknownMap, key: string): number | undefined {
  const value = map[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Returns the map at `key`, or undefined. */
export function mapAt(map: UnknownMap, key: string): UnknownMap | undefined {
  const value = map[key];
  return isMap(value) ? value : undefined;
}

/** Returns the array at `key`, or an empty array. */
export function arrayAt(map: UnknownMap, key: string): readonly unknown[] {
  const value = map[key];
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** Returns the strings of the array at `key`. */
export function stringsAt(map: UnknownMap, key: string): string[] {
  return arrayAt(map, key).filter((item): item is string => typeof item === 'string');
}
