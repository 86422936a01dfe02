import { parseSessionRowKey, RECENT_LAG_MS, sessionRowKey, type StoredRecord } from '@pizzapi/backbone';
import { createMetrics, silentLogger } from '@pizzapi/process';
import {
  encode,
  subjects,
  type RecentSessionsRow,
  type SessionEvent,
  type SessionMetaRow,
  type SessionRow,
} from '@pizzapi/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { evolveSession, initialSessionRows, type SessionRows } from './evolve.js';
import { MemoryBucket } from './memoryBucket.js';
import { createProjectorMetrics } from './metrics.js';
import { RecentSessions } from './recentSessions.js';
import { SessionProjection } from './sessionProjection.js';
import type { SessionOwner } from './sessionOwners.js';
import { started } from './testing/events.js';

const SIDS = ['s1', 's2', 's3'];
const USERS = ['ada', 'bob'];
const MINUTE = 60_000;

type Step =
  | { kind: 'claim'; sid: string; userId: string }
  | { kind: 'append'; sid: string; minutes: number; count: number }
  | { kind: 'fold'; count: number }
  | { kind: 'flush' }
  | { kind: 'crash' }
  | { kind: 'delete'; sid: string };

const sid = fc.constantFrom(...SIDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('claim' as const), sid, userId: fc.constantFrom(...USERS) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      sid,
      minutes: fc.integer({ min: 0, max: 12 }),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('fold' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), sid }) },
);

/** A log, its owners and its buckets, and a projector that is killed now and then. */
class World {
  readonly rows = new MemoryBucket<SessionRow>();
  readonly metas = new MemoryBucket<SessionMetaRow>();
  readonly recent = new MemoryBucket<RecentSessionsRow>();
  readonly owners = new Map<string, SessionOwner>();
  log: StoredRecord[] = [];
  private readonly granted = new Set<string>();
  private projection = this.open();
  private seq = 0;
  private grants = 0;
  private now = 1_700_000_000_000;
  private folded = 0;
  private saved = 0;

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'claim': {
        const owner = this.owners.get(step.sid);
        if (owner === undefined || owner.userId === step.userId)
          this.owners.set(step.sid, { userId: step.userId, epoch: ++this.grants });
        this.granted.add(step.sid);
        return;
      }
      case 'append':
        // A host that was granted a session that is deleted is fenced.
        if (this.granted.has(step.sid) && !this.owners.has(step.sid)) return;
        this.now += step.minutes * MINUTE;
        for (let i = 0; i < step.count; i++) this.append(step.sid, i);
        return;
      case 'fold':
        return this.fold(step.count);
      case 'flush':
        return this.flush();
      case 'crash':
        this.projection = this.open();
        this.folded = this.saved;
        return;
      case 'delete':
        return this.delete(step.sid);
    }
  }

  async fold(count: number): Promise<void> {
    const records = this.log.filter(({ seq }) => seq > this.folded).slice(0, count);
    await this.projection.apply(records);
    this.folded = records.at(-1)?.seq ?? this.folded;
  }

  async flush(): Promise<void> {
    await this.projection.flush();
    this.saved = this.folded;
  }

  /** A fold of the whole log of a session. */
  refold(sid: string): SessionRows {
    let rows = initialSessionRows(sid);
    for (const record of this.logOf(sid)) {
      const outcome = evolveSession(rows, record);
      if (outcome.kind === 'folded') rows = outcome.next;
    }
    return rows;
  }

  logOf(sid: string): StoredRecord[] {
    return this.log.filter(({ subject }) => subject === subjects.sessionEvents(sid));
  }

  private append(sid: string, index: number): void {
    const isFirst = this.logOf(sid).length === 0;
    const todo: SessionEvent = {
      type: 'todo_updated',
      at: this.now,
      todoList: [{ id: index, text: 't', status: 'done' }],
    };
    const event = isFirst
      ? started(sid, this.now)
      : index === 1
        ? todo
        : { type: 'agent_start' as const, at: this.now };
    const [epoch, seq] = [this.owners.get(sid)?.epoch ?? 0, ++this.seq];
    const about = { seq, prevSeq: 0, n: seq, type: event.type, at: event.at, epoch, msgId: '' };
    this.log.push({ ...about, payload: encode(event).slice(), subject: subjects.sessionEvents(sid) });
  }

  /** As the gateway does: the projection is up to date, then log, rows and owner go. */
  private async delete(sid: string): Promise<void> {
    await this.flush();
    this.log = this.log.filter(({ subject }) => subject !== subjects.sessionEvents(sid));
    const userId = this.owners.get(sid)?.userId;
    await this.rows.delete(sessionRowKey(userId, sid));
    await this.rows.delete(sessionRowKey(undefined, sid));
    await this.metas.delete(sid);
    const found = userId === undefined ? undefined : await this.recent.get(userId);
    if (userId !== undefined && found !== undefined) {
      const sessions = found.value.sessions.filter((one) => one.sessionId !== sid);
      await this.recent.update(userId, { sessions }, found.revision);
    }
    this.owners.delete(sid);
  }

  private open(): SessionProjection {
    const { rows, metas } = this;
    return new SessionProjection({
      rows,
      metas,
      owners: async (sids) => new Map([...this.owners].filter(([sid]) => sids.includes(sid))),
      recent: new RecentSessions({ bucket: this.recent, refill: async () => undefined }),
      history: (sid) => once(this.logOf(sid)),
      log: silentLogger,
      metrics: createProjectorMetrics(createMetrics()),
    });
  }
}

async function* once<T>(value: T): AsyncGenerator<T, void, void> {
  yield await Promise.resolve(value);
}

it('rows below owners and recent sessions equal a refold, whatever order events, grants, deletions and crashes have', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = new World();
      for (const one of steps) await world.take(one);
      // The next event of every session: a grant before an event is noticed with it.
      for (const sid of SIDS) await world.take({ kind: 'append', sid, minutes: 1, count: 1 });
      await world.fold(Infinity);
      await world.flush();
      const logged = SIDS.filter((sid) => world.logOf(sid).length > 0);
      const expected = new Map(
        logged.map((sid) => [sessionRowKey(world.owners.get(sid)?.userId, sid), world.refold(sid)]),
      );
      expect(world.rows.keys().sort()).toEqual([...expected.keys()].sort());
      for (const [key, { row, meta }] of expected) {
        expect((await world.rows.get(key))?.value).toEqual(row);
        expect((await world.metas.get(parseSessionRowKey(key)!.sid))?.value ?? initialSessionRows('').meta).toEqual(
          meta,
        );
      }
      for (const userId of USERS) {
        const own = new Map(
          [...expected]
            .filter(([key]) => key.startsWith(`${userId}.`))
            .map(([, { row }]) => [row.info.sessionId, row.info.lastActivityAt]),
        );
        const { sessions = [] } = (await world.recent.get(userId))?.value ?? {};
        expect(sessions.map(({ sessionId }) => sessionId).sort()).toEqual([...own.keys()].sort());
        for (const { sessionId, at } of sessions) {
          expect(at).toBeLessThanOrEqual(own.get(sessionId)!);
          expect(at).toBeGreaterThan(own.get(sessionId)! - RECENT_LAG_MS);
        }
      }
    }),
    { numRuns: 150 },
  );
});
