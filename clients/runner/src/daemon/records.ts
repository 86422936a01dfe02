import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readPrivateFile, writePrivateFile, KeyedSerialQueue } from '@pizzapi/process';
import {
  guestsAt,
  isId,
  isMap,
  isPiOptions,
  numberAt,
  stringAt,
  type GuestRef,
  type PiOptions,
} from '@pizzapi/protocol';
import type { LoadedPi } from '../installation/types.js';

const PHASES = ['starting', 'hosted', 'over'] as const;

/** What a daemon needs to find the worker of a session again, or to wake the session. */
export interface SessionRecord {
  sid: string;
  userId: string;
  cwd: string;
  /** `starting` until its first event is known to be in the log; `over` while its last ones are still spooled. */
  phase: (typeof PHASES)[number];
  /** `working` when its worker died in the middle of something. */
  activity: 'idle' | 'working';
  epoch: number;
  /** pi's session file. */
  file?: string | undefined;
  model?: string | undefined;
  name?: string | undefined;
  thinkingLevel?: string | undefined;
  /** The session that started it. */
  parentSessionId?: string | undefined;
  /** The guests of its parent in whose turn it was started. */
  startedBy?: GuestRef[] | undefined;
  /** The options of pi at the start of the session, for every worker that hosts it and every fork. */
  pi?: PiOptions | undefined;
  /**
   * The worker that hosts it, with the pi that it runs on; none while it sleeps. The start tells a pid from a later one of
   * the same number.
   */
  worker?: { pid: number; start: string; socket: string; pi?: LoadedPi | undefined } | undefined;
  /** ms since epoch. */
  startedAt: number;
  lastActivityAt: number;
}

/** A session in the status of the runner. */
export interface HostStatus {
  sid: string;
  cwd: string;
  state: string;
  pid?: number;
  /** The version of the pi that it runs on. */
  pi?: string;
  lastActivityAt: number;
}

/** The status of a session and its worker, if it has one. */
export function statusOf(
  { sid, cwd, activity, lastActivityAt }: SessionRecord,
  worker: { pid: number; pi?: LoadedPi | undefined } | undefined,
): HostStatus {
  if (worker === undefined) return { sid, cwd, state: 'asleep', lastActivityAt };
  const { pid, pi } = worker;
  return { sid, cwd, state: activity, lastActivityAt, pid, ...(pi === undefined ? {} : { pi: pi.version }) };
}

/** The record in a value read from a file, or undefined. */
function parseRecord(value: unknown): SessionRecord | undefined {
  if (!isMap(value)) return undefined;
  const { sid, worker } = value;
  const phase = PHASES.find((known) => known === value['phase']);
  const [userId, cwd, epoch] = [stringAt(value, 'userId'), stringAt(value, 'cwd'), numberAt(value, 'epoch')];
  if (!isId(sid) || phase === undefined || userId === undefined || cwd === undefined || epoch === undefined) {
    return undefined;
  }
  // Without these options a session might have tools that it must not have.
  const pi = value['pi'];
  if (pi !== undefined && !isPiOptions(pi)) return undefined;
  const startedAt = numberAt(value, 'startedAt') ?? 0;
  const startedBy = guestsAt(value, 'startedBy');
  return {
    sid,
    userId,
    cwd,
    phase,
    epoch,
    activity: value['activity'] === 'working' ? 'working' : 'idle',
    file: stringAt(value, 'file'),
    model: stringAt(value, 'model'),
    name: stringAt(value, 'name'),
    thinkingLevel: stringAt(value, 'thinkingLevel'),
    parentSessionId: isId(value['parentSessionId']) ? value['parentSessionId'] : undefined,
    ...(startedBy.length === 0 ? {} : { startedBy }),
    pi,
    worker: isMap(worker) ? parseWorker(worker) : undefined,
    startedAt,
    lastActivityAt: numberAt(value, 'lastActivityAt') ?? startedAt,
  };
}

function parseWorker(worker: Record<string, unknown>): SessionRecord['worker'] {
  const [pid, start, socket] = [numberAt(worker, 'pid'), stringAt(worker, 'start'), stringAt(worker, 'socket')];
  return pid === undefined || start === undefined || socket === undefined ? undefined : { pid, start, socket };
}

/** The state files: one JSON file per session that is not over, replaced whole. */
export class SessionRecords {
  private readonly writes = new KeyedSerialQueue();

  constructor(private readonly folder: string) {}

  /** Every readable record, and the files that are none. */
  async all(): Promise<{ records: SessionRecord[]; broken: string[] }> {
    const records: SessionRecord[] = [];
    const broken: string[] = [];
    for (const name of await readdir(this.folder)) {
      if (!name.endsWith('.json')) continue;
      const record = parseRecord(await readPrivateFile(join(this.folder, name)));
      if (record !== undefined && `${record.sid}.json` === name) records.push(record);
      else broken.push(join(this.folder, name));
    }
    return { records, broken };
  }

  /** The record of one session, or undefined. */
  async read(sid: string): Promise<SessionRecord | undefined> {
    return isId(sid) ? parseRecord(await readPrivateFile(this.path(sid))) : undefined;
  }

  /** Deletes the oldest records beyond `kept`. */
  async prune(kept: number): Promise<void> {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.json'));
    if (names.length <= kept) return;
    const times = await Promise.all(names.map(async (name) => (await stat(join(this.folder, name))).mtimeMs));
    const oldest = names.map((name, index) => ({ name, time: times[index]! })).sort((a, b) => b.time - a.time);
    for (const { name } of oldest.slice(kept)) await rm(join(this.folder, name), { force: true });
  }

  /** Writes a record after the writes before it. */
  save(record: SessionRecord): Promise<void> {
    const text = `${JSON.stringify(record, undefined, 2)}\n`;
    return this.writes.run(record.sid, () => writePrivateFile(this.path(record.sid), text));
  }

  remove(sid: string): Promise<void> {
    return this.writes.run(sid, () => rm(this.path(sid), { force: true }));
  }

  private path(sid: string): string {
    if (!isId(sid)) throw new TypeError(`Not an id: ${String(sid)}`);
    return join(this.folder, `${sid}.json`);
  }
}
