import { isMap, numberAt, stringAt } from '@pizzapi/protocol';

/** The state of a work tree at the end of one turn. */
export interface TurnState {
  turn: number;
  /** ms since epoch. */
  at: number;
  /** The tree in the store. */
  tree: string;
  files: number;
  added: number;
  removed: number;
}

/** What the runner keeps of the changes of one session, in a file beside its store. */
export interface SessionStates {
  /** The folder of the session. */
  cwd: string;
  /** The top of the work tree. Missing: its states are not kept. */
  top?: string;
  /** Where `info/exclude` of the repository is. */
  excludes?: string;
  /** Why the states are not kept. */
  why?: string;
  began: { at: number; head: string | null; branch: string | null; tree: string };
  turns: TurnState[];
}

/** The states in a value read from a file, or undefined. */
export function parseStates(value: unknown): SessionStates | undefined {
  if (!isMap(value)) return undefined;
  const { began, turns } = value;
  const cwd = stringAt(value, 'cwd');
  if (cwd === undefined || !isMap(began) || !Array.isArray(turns)) return undefined;
  const [top, excludes, why] = [stringAt(value, 'top'), stringAt(value, 'excludes'), stringAt(value, 'why')];
  return {
    cwd,
    ...(top === undefined ? {} : { top }),
    ...(excludes === undefined ? {} : { excludes }),
    ...(why === undefined ? {} : { why }),
    began: {
      at: numberAt(began, 'at') ?? 0,
      head: stringAt(began, 'head') ?? null,
      branch: stringAt(began, 'branch') ?? null,
      tree: stringAt(began, 'tree') ?? '',
    },
    turns: turns.filter(isMap).flatMap((turn, index) => {
      const tree = stringAt(turn, 'tree');
      const count = (field: string) => numberAt(turn, field) ?? 0;
      return tree === undefined
        ? []
        : [
            {
              turn: numberAt(turn, 'turn') ?? index + 1,
              at: count('at'),
              tree,
              files: count('files'),
              added: count('added'),
              removed: count('removed'),
            },
          ];
    }),
  };
}
