import {
  accountKey,
  accountRows,
  bucket,
  keyRows,
  ownerRows,
  recentSessionsRows,
  runnerOwnerKey,
  runnerOwnerRows,
  runnerRows,
  sessionRowKey,
  sessionRows,
  shareRows,
  withRecentChanges,
  type Backbone,
} from '@pizzapi/backbone';
import { mintToken, secretHash, tokenHint } from '@pizzapi/process';
import { initialRunnerInfo, initialSessionInfo, type SessionRow } from '@pizzapi/protocol';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from './bench.js';
import { nowMs } from './clock.js';
import { startNats, type Nats } from './processes.js';

/** Has to be raised when the written data changes, so that an old store is not used. */
const LAYOUT = 1;
/** Writes that wait for their acknowledgement. */
const IN_FLIGHT = 512;
/** How long the leases of live sessions stay, in ms: longer than the bench. */
const LEASE_MS = 900_000;
const NOW = 1_700_000_000_000;
const MINUTE = 60_000;

export interface ScaleSize {
  sessions: number;
  people: number;
  /** Sessions of one person, and of one other person. */
  most: number;
  least: number;
  /** People that are connected. Each has a session whose host is connected. */
  connected: number;
}

/** A person with an API key. */
export interface ScalePerson {
  userId: string;
  token: string;
  sessions: number;
}

export interface ScaleStore {
  nats: Nats;
  size: ScaleSize;
  people: ScalePerson[];
  /** The person with the most sessions, and the one with the least. */
  most: ScalePerson;
  least: ScalePerson;
}

export const scaleSid = (userId: string, index: number): string => `s${userId.slice(1)}_${index.toString(36)}`;

/** Returns the row of a session, which is older the higher its index is. */
export function scaleRow(userId: string, index: number, more: Partial<SessionRow['info']> = {}): SessionRow {
  const sid = scaleSid(userId, index);
  const at = NOW - index * 20 * MINUTE;
  const info: SessionRow['info'] = {
    ...initialSessionInfo(sid),
    ...{ userId, runnerId: `r${userId.slice(1)}`, name: `Session ${index}`, cwd: '/home/person/projects/service' },
    ...{ model: 'provider/model-large', state: index === 0 ? 'idle' : 'ended', startedAt: at - MINUTE },
    ...{ lastActivityAt: at, messages: 40, firstPrompt: 'Find out why the nightly build fails and mend it' },
    ...more,
  };
  return { info, lastSeq: 1, count: 200, epoch: 1, checkpoints: [], logBytes: 80_000 };
}

/**
 * A nats-server with the rows of many sessions, without their logs. The store is kept in the temporary folder of the system,
 * because writing it takes minutes.
 */
export async function scaleStore(context: BenchContext, size: ScaleSize): Promise<ScaleStore> {
  const folder = join(tmpdir(), `pizzapi-bench-scale-${LAYOUT}-${size.sessions}-${size.people}`);
  const file = join(folder, 'people.json');
  if (!existsSync(file)) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
  }
  const nats = await startNats(context, { storeDir: folder });
  const people = existsSync(file)
    ? (JSON.parse(await readFile(file, 'utf8')) as ScalePerson[])
    : await fill(context, nats.b, size);
  await writeFile(file, JSON.stringify(people));
  const leases = bucket<object>(nats.b, 'leases');
  await inFlight(people.slice(2, 2 + size.connected), async ({ userId }) => {
    for (const key of [`session.${scaleSid(userId, 0)}`, `runner.r${userId.slice(1)}`])
      await leases.put(key, { epoch: 1, at: Date.now() }, { ttlMs: LEASE_MS });
  });
  const [most, least] = people as [ScalePerson, ScalePerson];
  return { nats, size, people, most, least };
}

async function inFlight<T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

async function fill({ report }: BenchContext, b: Backbone, size: ScaleSize): Promise<ScalePerson[]> {
  const from = nowMs();
  const each = Math.floor((size.sessions - size.most - size.least) / (size.people - 2));
  const people = Array.from({ length: size.people }, (_, i): ScalePerson => {
    const sessions = i === 0 ? size.most : i === 1 ? size.least : each;
    return { userId: `u${String(i).padStart(8, '0')}`, token: mintToken('user'), sessions };
  });
  await inFlight(people, (person) => addPerson(b, person));
  const [rows, owners] = [sessionRows(b), ownerRows(b)];
  let written = 0;
  const sessions = function* (): Generator<{ userId: string; index: number }> {
    // In turns, as they are in a real log.
    for (let index = 0; index < size.most; index++)
      for (const { userId, sessions: count } of people) if (index < count) yield { userId, index };
  };
  await inFlight(sessions(), async ({ userId, index }) => {
    const sid = scaleSid(userId, index);
    await Promise.all([
      owners.put(sid, { userId, runnerId: `r${userId.slice(1)}` }),
      rows.put(sessionRowKey(userId, sid), scaleRow(userId, index)),
    ]);
    if (++written % 100_000 === 0)
      report.progress(`filling the store, once: ${written} sessions, ${((nowMs() - from) / 1_000).toFixed(0)} s`);
  });
  return people;
}

/** An account with a key, a runner, the row of recent sessions and a share. */
async function addPerson(b: Backbone, { userId, token, sessions }: ScalePerson): Promise<void> {
  const [name, rid] = [`Person ${userId}`, `r${userId.slice(1)}`];
  const createdAt = NOW;
  await accountRows(b).put(accountKey(userId), { userId, name, role: 'member', createdAt });
  const id = `k${userId.slice(1)}`;
  await keyRows(b).put(secretHash(token), { id, userId, kind: 'user', name, hint: tokenHint(token), createdAt });
  await runnerOwnerRows(b).put(runnerOwnerKey(rid), { userId, runnerId: rid, secretHash: 'x'.repeat(43) });
  await runnerRows(b).put(rid, { info: { ...initialRunnerInfo(rid), name: rid }, lastSeq: 0 });
  const recent = Array.from({ length: Math.min(sessions, 200) }, (_, i) => i);
  const times = new Map(recent.map((i) => [scaleSid(userId, i), scaleRow(userId, i).info.lastActivityAt]));
  await recentSessionsRows(b).put(userId, withRecentChanges(undefined, times) ?? { sessions: [] });
  const [sessionId, shareId] = [scaleSid(userId, 1), `sh${userId.slice(1)}`];
  const expiresAt = 4_000_000_000_000;
  await shareRows(b).put(`${sessionId}.${shareId}`, { shareId, sessionId, userId, mode: 'read', createdAt, expiresAt });
}
