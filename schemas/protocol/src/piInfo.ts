import Type, { type Static } from 'typebox';
import { isMap, stringAt } from './json.js';

/** Where a pi comes from: part of the product, the `pi` on PATH, or the one that `--pi` names. */
export const PI_SOURCES = ['bundled', 'path', 'option'] as const;

/** The most characters of the fields. A host cuts longer ones. */
export const PI_INFO_LIMITS = { name: 64, version: 64, path: 1_024, node: 64 } as const;

const shared = {
  /** The npm package. */
  name: Type.String({ maxLength: PI_INFO_LIMITS.name }),
  version: Type.String({ maxLength: PI_INFO_LIMITS.version }),
  /** Version of the Node that runs it. */
  node: Type.String({ maxLength: PI_INFO_LIMITS.node }),
  /** Whether the version is within the range that the tests cover. */
  tested: Type.Boolean(),
};

/** The pi that a session runs on. Guests see it, so it has no path. */
export const SessionPi = Type.Object(shared);
export type SessionPi = Static<typeof SessionPi>;

/** The pi that the sessions of a runner run on. Only the owner of the runner sees it. */
export const RunnerPi = Type.Object({
  ...shared,
  /** The folder of its package on the machine of the runner; null for the bundled one. */
  path: Type.Union([Type.String({ maxLength: PI_INFO_LIMITS.path }), Type.Null()]),
  source: Type.Enum([...PI_SOURCES]),
});
export type RunnerPi = Static<typeof RunnerPi>;

/** Returns the pi that an event names, without any other field; undefined for a missing or invalid one. */
export function sessionPiOf(value: unknown): SessionPi | undefined {
  if (!isMap(value)) return undefined;
  const [name, version, node] = (['name', 'version', 'node'] as const).map((key) => {
    const text = stringAt(value, key);
    return text !== undefined && text.length <= PI_INFO_LIMITS[key] ? text : undefined;
  });
  if (name === undefined || version === undefined || node === undefined) return undefined;
  return { name, version, node, tested: value['tested'] === true };
}

/** `pi 1.6.0 on Node 22.23.5`, with a note when the version is not tested. */
export function describePi({ version, node, tested }: SessionPi): string {
  return `pi ${version} on Node ${node}${tested ? '' : ' (not tested)'}`;
}
