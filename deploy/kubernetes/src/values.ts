import { isMap, type UnknownMap } from '@pizzapi/protocol';

/** Returns the value at a path such as `spec.template.spec`; undefined when it is not there. A key with dots is one step of a list. */
export function at(value: unknown, path: string | readonly string[]): unknown {
  const steps = typeof path === 'string' ? path.split('.') : path;
  return steps.reduce<unknown>((inner, step) => (isMap(inner) ? inner[step] : undefined), value);
}

/** Returns the list at a path; an empty one without a list there. */
export function listAt(value: unknown, path: string): unknown[] {
  const found = at(value, path);
  return Array.isArray(found) ? found : [];
}

/** Returns the map at a path; an empty one without a map there. */
export function mapAt(value: unknown, path: string): UnknownMap {
  const found = at(value, path);
  return isMap(found) ? found : {};
}

/** Returns the text at a path, or undefined. */
export function textAt(value: unknown, path: string): string | undefined {
  const found = at(value, path);
  return typeof found === 'string' ? found : undefined;
}

/** Returns the labels at a path. */
export function labelsAt(value: unknown, path: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(mapAt(value, path)).flatMap(([key, text]) => (typeof text === 'string' ? [[key, text]] : [])),
  );
}
