import fc from 'fast-check';
import {
  initialSessionInfo,
  MAX_RECENT_SESSIONS,
  type RecentSessionsRow,
  type SessionInfo,
  type SessionsQuery,
} from '@pizzapi/protocol';
import { withRecentChanges } from '@pizzapi/backbone';
import { describe, expect, it } from 'vitest';
import { MemoryRows } from '../testing/memoryRows.js';
import type { ProjectedSession } from './heldSessions.js';
import type { ListSnapshots } from './listSnapshots.js';
import { SessionPages } from './sessionPages.js';

const ANN = 'ann';
const DAY = 24 * 60 * 60_000;

/** Sessions of one account, and a gateway's pages of them. */
class Account {
  readonly rows = new MemoryRows<ProjectedSession>('sessions');
  readonly infos = new Map<string, SessionInfo>();
  readonly live = new Set<string>();
  readonly shared: SessionInfo[] = [];
  recent: RecentSessionsRow | undefined = { sessions: [] };
  loads = 0;
  private revision = 0;

  set(sid: string, info: Partial<SessionInfo>): void {
    const whole = { ...initialSessionInfo(sid), userId: ANN, ...this.infos.get(sid), ...info };
    this.infos.set(sid, whole);
    this.recent &&= withRecentChanges(this.recent, new Map([[sid, whole.lastActivityAt]])) ?? this.recent;
    this.revision = this.rows.write(`${ANN}.${sid}`, { info: whole });
  }

  delete(sid: string): void {
    this.infos.delete(sid);
    this.recent &&= withRecentChanges(this.recent, new Map([[sid, undefined]])) ?? this.recent;
    this.revision = this.rows.write(`${ANN}.${sid}`, undefined);
  }

  pages(options: { maxRead?: number; snapshots?: ListSnapshots } = {}): SessionPages {
    const viewOf = (sid: string) => this.shared.find(({ sessionId }) => sessionId === sid);
    return new SessionPages({
      ...options,
      directory: {
        rows: this.rows,
        revision: this.revision,
        hold: () => () => undefined,
        loadAll: async (sids) => void (this.loads += sids.length),
        liveOf: () => [...this.live],
        revisionOf: () => 0,
        session: (sid) => this.infos.get(sid),
        userOf: (sid) => (this.infos.has(sid) ? ANN : undefined),
      },
      recent: { get: async () => (this.recent === undefined ? undefined : { value: this.recent, revision: 1 }) },
      shared: { listFor: async () => this.shared, sharedWith: (_userId, sid) => viewOf(sid) },
    });
  }
}

const ids = (sessions: readonly SessionInfo[]): string[] => sessions.map(({ sessionId }) => sessionId);
const idAt = (index: number): string => `s${String(index).padStart(4, '0')}`;

/** Sessions `s0000`… whose activity is as old as their number in days. */
function accountWith(count: number): Account {
  const account = new Account();
  const at = (i: number): number => 1_000 * DAY - i * DAY;
  account.recent = undefined;
  for (let i = count - 1; i >= 0; i--) account.set(idAt(i), { lastActivityAt: at(i), state: 'ended' });
  const latest = Array.from({ length: Math.min(count, MAX_RECENT_SESSIONS) }, (_, i) => i);
  account.recent = { sessions: latest.map((i) => ({ sessionId: idAt(i), at: at(i) })) };
  return account;
}

/** Reads all pages. `between` is called before each but the first one. */
async function readAll(
  pages: () => SessionPages,
  query: SessionsQuery,
  between: (page: string[]) => void = () => undefined,
): Promise<string[][]> {
  const all: string[][] = [];
  for (let cursor: string | undefined; ;) {
    const page = await pages().page(ANN, { ...query, ...(cursor === undefined ? {} : { cursor }) });
    all.push(ids(page.sessions));
    cursor = page.cursor;
    if (cursor === undefined) return all;
    between(all.at(-1)!);
  }
}

describe('the first page of the list of sessions', () => {
  it('has the latest active, with as many reads for many sessions as for few', async () => {
    const [few, many] = [accountWith(150), accountWith(900)];
    const [first, second] = await Promise.all([few.pages().page(ANN, {}), many.pages().page(ANN, {})]);
    expect(ids(first.sessions)).toEqual(Array.from({ length: 100 }, (_, i) => idAt(i)));
    expect(ids(second.sessions)).toEqual(ids(first.sessions));
    expect([many.loads, many.rows.lists]).toEqual([few.loads, 0]);
  });

  it('is the last one when there are few sessions', async () => {
    expect((await accountWith(30).pages().page(ANN, {})).cursor).toBeUndefined();
  });

  it('has a session that runs or waits for a person, however long ago its last activity was', async () => {
    const account = accountWith(500);
    account.set(idAt(400), { state: 'waiting', host: 'connected' });
    account.set(idAt(450), { state: 'working', host: 'connected' });
    account.live.add(idAt(400)).add(idAt(450));
    const pages = account.pages();
    const read = await readAll(() => pages, {});
    expect(read[0]!.slice(100)).toEqual([idAt(400), idAt(450)]);
    expect(new Set(read.flat()).size).toBe(500);
    expect(read.flat()).toHaveLength(500);
  });

  it('has the sessions that others share, in their place', async () => {
    const account = accountWith(3);
    account.shared.push({ ...initialSessionInfo('theirs'), lastActivityAt: 1_000 * DAY - 1 });
    expect(ids((await account.pages().page(ANN, {})).sessions)).toEqual([idAt(0), 'theirs', idAt(1), idAt(2)]);
  });

  it('is read from the rows while the row of recent sessions is missing', async () => {
    const account = accountWith(5);
    account.recent = undefined;
    expect(ids((await account.pages().page(ANN, { limit: 2 })).sessions)).toEqual([idAt(0), idAt(1)]);
  });
});

describe('the pages of the list of sessions', () => {
  const change = fc.record({
    kind: fc.constantFrom('activity', 'new', 'deleted'),
    index: fc.nat(349),
    after: fc.nat(3),
  });
  const run = (isOneGateway: boolean) =>
    fc.asyncProperty(fc.array(change, { maxLength: 30 }), fc.integer({ min: 20, max: 120 }), async (changes, limit) => {
      const account = accountWith(350);
      const touched = new Set<string>();
      let now = 2_000 * DAY;
      let page = 0;
      const one = account.pages();
      const read = await readAll(
        () => (isOneGateway ? one : account.pages()),
        { limit },
        () => {
          for (const { kind, index, after } of changes) {
            if (after !== page) continue;
            now += DAY;
            if (kind === 'new') account.set(`n${index}`, { lastActivityAt: now });
            else if (kind === 'deleted') {
              touched.add(idAt(index));
              account.delete(idAt(index));
            } else if (!touched.has(idAt(index))) account.set(idAt(index), { lastActivityAt: now });
          }
          page++;
        },
      );
      const seen = read.flat().filter((sid) => sid.startsWith('s') && !touched.has(sid));
      const stayed = Array.from({ length: 350 }, (_, i) => idAt(i)).filter((sid) => !touched.has(sid));
      expect(new Set(seen)).toEqual(new Set(stayed));
      if (isOneGateway) expect(seen.length).toBe(stayed.length);
    });

  it('show each session that exists throughout exactly once, however sessions change between them', async () => {
    await fc.assert(run(true), { numRuns: 20 });
  });

  it('show each such session at least once when every page is of another gateway', async () => {
    await fc.assert(run(false), { numRuns: 8 });
  });

  it('read the rows of the account once', async () => {
    const account = accountWith(350);
    const pages = account.pages();
    expect((await readAll(() => pages, {})).map(({ length }) => length)).toEqual([100, 100, 100, 50]);
    expect(account.rows.lists).toBe(1);
  });

  it('go on beyond what one reading keeps', async () => {
    const account = accountWith(350);
    const pages = account.pages({ maxRead: 60 });
    const read = (await readAll(() => pages, { limit: 50 })).flat();
    expect(read).toEqual(Array.from({ length: 350 }, (_, i) => idAt(i)));
  });
});

describe('a filter of the list of sessions', () => {
  const account = accountWith(300);
  account.set(idAt(250), { name: 'Fix the Parser', runnerId: 'box', cwd: '/srv/app', state: 'idle' });
  account.set(idAt(10), { firstPrompt: 'parser again', runnerId: 'box', model: 'demo/large', state: 'working' });
  it.each<[string, SessionsQuery, number[]]>([
    ['a text of the name or the title', { q: 'PARSER' }, [10, 250]],
    ['a text of the folder', { q: 'srv/app' }, [250]],
    ['a text of the model', { q: 'large' }, [10]],
    ['an id', { q: idAt(99) }, [99]],
    ['a runner', { runner: 'box' }, [10, 250]],
    ['a state', { state: 'idle' }, [250]],
    ['all that have not ended', { state: 'live' }, [10, 250]],
    ['two of them', { runner: 'box', state: 'working' }, [10]],
    ['what nothing has', { q: 'nothing' }, []],
  ])('leaves the sessions with %s', async (_what, query, expected) => {
    const { sessions, cursor } = await account.pages().page(ANN, query);
    expect([ids(sessions), cursor]).toEqual([expected.map(idAt), undefined]);
  });

  it('holds for the pages that follow', async () => {
    const pages = account.pages();
    const read = await readAll(() => pages, { state: 'ended', limit: 120 });
    expect(read.map(({ length }) => length)).toEqual([120, 120, 58]);
  });
});

describe('a cursor', () => {
  it('of another list or form is refused', async () => {
    const pages = accountWith(300).pages();
    const { cursor = '' } = await pages.page(ANN, {});
    for (const query of [
      { cursor: 'x' },
      { cursor: 'e30' },
      { cursor, state: 'ended' as const },
      { cursor: cursor.slice(2) },
    ])
      await expect(pages.page(ANN, query)).rejects.toMatchObject({ code: 'bad_request' });
  });

  it('of another account gives nothing of that account', async () => {
    const account = accountWith(300);
    const pages = account.pages();
    const { cursor = '' } = await pages.page(ANN, {});
    expect((await pages.page('eve', { cursor })).sessions).toEqual([]);
  });

  it('gives the same page again', async () => {
    const pages = accountWith(350).pages();
    const { cursor = '' } = await pages.page(ANN, {});
    const twice = [await pages.page(ANN, { cursor }), await pages.page(ANN, { cursor })];
    expect(twice[0]).toEqual(twice[1]);
  });
});
