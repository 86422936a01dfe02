import Type, { type Static } from 'typebox';

/** What the token of a runner lets people do on its host. */
export const RUNNER_RIGHTS = ['sessions', 'terminals', 'files:read', 'files:write', 'exec'] as const;
export const RunnerRight = Type.Enum([...RUNNER_RIGHTS]);
export type RunnerRight = (typeof RUNNER_RIGHTS)[number];
export const RunnerRights = Type.Array(RunnerRight, { maxItems: RUNNER_RIGHTS.length });
export type RunnerRights = Static<typeof RunnerRights>;

/** Sets of rights that the page offers. */
export const RIGHT_PRESETS = {
  everything: [...RUNNER_RIGHTS],
  'sessions and files': ['sessions', 'files:read', 'files:write'],
  'sessions only': ['sessions'],
} as const satisfies Record<string, readonly RunnerRight[]>;

/** The rights of a token that names none: tokens of earlier versions allow everything. */
export const rightsOf = (allow: readonly RunnerRight[] | undefined): readonly RunnerRight[] => allow ?? RUNNER_RIGHTS;

/** The rights that both lists have. A missing list has every right. */
export function commonRights(
  a: readonly RunnerRight[] | undefined,
  b: readonly RunnerRight[] | undefined,
): RunnerRight[] | undefined {
  if (a === undefined && b === undefined) return undefined;
  return RUNNER_RIGHTS.filter((right) => rightsOf(a).includes(right) && rightsOf(b).includes(right));
}

/** Reads `sessions,files:read`. Returns the word that is no right, as a problem. */
export function parseRights(text: string): { kind: 'ok'; rights: RunnerRight[] } | { kind: 'unknown'; word: string } {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const isRight = (word: string): word is RunnerRight => (RUNNER_RIGHTS as readonly string[]).includes(word);
  const wrong = words.find((word) => !isRight(word));
  if (wrong !== undefined) return { kind: 'unknown', word: wrong };
  return { kind: 'ok', rights: RUNNER_RIGHTS.filter((right) => words.includes(right)) };
}
