/** A value as it came off the wire: nothing is known of it. */
export type UnknownMap = Record<string, unknown>;

/** True for a plain map: what events, frames and commands are made of. */
export function isMap(value: unknown): value is UnknownMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The string at `key`, or undefined. Folds read with these so that they are total over any input. */
export function stringAt(map: UnknownMap, key: string): string | undefined {
  const value = map[key];
  return typeof value === 'string' ? value : undefined;
}

/** The finite number at `key`, or undefined. */
export function numberAt(map: UnknownMap, key: string): number | undefined {
  const value = map[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The map at `key`, or undefined. */
export function mapAt(map: UnknownMap, key: string): UnknownMap | undefined {
  const value = map[key];
  return isMap(value) ? value : undefined;
}

/** The array at `key`, or an empty one. */
export function arrayAt(map: UnknownMap, key: string): readonly unknown[] {
  const value = map[key];
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** The strings of the array at `key`. */
export function stringsAt(map: UnknownMap, key: string): string[] {
  return arrayAt(map, key).filter((item): item is string => typeof item === 'string');
}
