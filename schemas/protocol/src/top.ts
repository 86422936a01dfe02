import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { StorageUseInfo } from './http.js';
import { isMap } from './json.js';

/** What an operator sees of a relay at one moment. */
const Optional = Type.Optional;
const Text = Type.String();
const Count = Type.Number({ minimum: 0 });

/** What a runner reports of itself, in `load` of its status. Counts rise while the runner lives. */
export const RunnerLoad = Type.Object({
  awake: Count,
  asleep: Count,
  /** Sessions whose agent works. */
  working: Count,
  /** Sessions that wait for room in their spools. */
  paused: Count,
  /** Events of sessions that were appended to the log since the start of the runner. */
  events: Count,
  spoolBytes: Count,
});
export type RunnerLoad = Static<typeof RunnerLoad>;

/**
 * `GET /api/top`, for admins. `gateway` is the gateway that answers; hosts, projections and storage are those of the whole
 * relay. Counts rise while a process lives: two replies give a rate.
 */
export const TopReply = Type.Object({
  /** ms since epoch. */
  at: Type.Number(),
  gateway: Type.Object({
    version: Text,
    /** ms since epoch. It tells a process from its successor. */
    startedAt: Type.Number(),
    rooms: Count,
    viewers: Type.Object({ greeted: Count, filling: Count, slow: Count, live: Count }),
    unsentBytes: Count,
    /** Events and deltas that came from hosts, and those that were delivered to viewers. */
    received: Count,
    delivered: Count,
    bytes: Count,
  }),
  /** Sessions whose host holds the lease. */
  sessions: Count,
  /** How many offsets each projection is behind the log. */
  projections: Type.Array(Type.Object({ stream: Text, lag: Count })),
  storage: Type.Array(StorageUseInfo),
  hosts: Type.Array(
    Type.Object({
      runnerId: Text,
      name: Text,
      kind: Optional(Text),
      version: Optional(Text),
      /** Missing for a terminal, and for a runner that did not answer. */
      load: Optional(RunnerLoad),
    }),
  ),
  /** Hosts that are online and not in the list, because there are too many. */
  moreHosts: Count,
});
export type TopReply = Static<typeof TopReply>;

const isLoad = checker(RunnerLoad);

/** The load in the status of a runner, which may be of any shape. */
export function readRunnerLoad(status: unknown): RunnerLoad | undefined {
  const load = isMap(status) ? status['load'] : undefined;
  if (!isLoad(load)) return undefined;
  const { awake, asleep, working, paused, events, spoolBytes } = load;
  const own = { awake, asleep, working, paused, events, spoolBytes };
  return Object.values(own).every(Number.isSafeInteger) ? own : undefined;
}
