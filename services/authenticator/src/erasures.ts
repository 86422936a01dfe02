import {
  addRemoved,
  askErasure,
  accountKey,
  accountRows,
  buryRow,
  closeAccount,
  eraseAccount,
  erasedKey,
  eraseSession,
  ERASING_PREFIX,
  erasingKey,
  erasingRows,
  hashOfIds,
  hasTraces,
  ownerOf,
  ownerRows,
  publishAudit,
  runnersOf,
  sessionsOf,
  type Backbone,
  type Removed,
} from '@pizzapi/backbone';
import { Semaphore, sleep, type Logger } from '@pizzapi/process';
import { CodedError, errorInfo, type ErasingRow, type HostApiRefusal } from '@pizzapi/protocol';
import { parseConnectionName } from './connectionName.js';
import { kick, listConnections } from './connections.js';
import type { AuthenticatorMetrics } from './metrics.js';

/** After this time, in ms, a session or an account is looked at once more: what was on its way has arrived by then. */
export const SECOND_LOOK_MS = 15_000;
/** Between two passes over what could not be removed, in ms. */
const AGAIN_MS = 5_000;
/** How long a request waits for the first pass, in ms, and how often it looks. */
const REPLY_MS = 8_000;
const POLL_MS = 50;
/** Sessions of one account that are erased at once. */
const AT_ONCE = 4;

export interface ErasuresDeps {
  /** With the authenticator's own login, which lists and ends connections of hosts. */
  b: Backbone;
  /** With the provisioner's login. */
  admin: Backbone;
  metrics: AuthenticatorMetrics;
  log: Logger;
  now?: () => number;
  secondLookMs?: number | undefined;
}

export type EraseWhat = { sid: string } | { userId: string };
export interface EraseAsked {
  why: ErasingRow['why'];
  by?: string | undefined;
  ip?: string | undefined;
  /** Not when a host got the session since this epoch. */
  epoch?: number | undefined;
}
export type ErasureOutcome = { kind: 'answer'; removed: Removed; isOver: boolean } | HostApiRefusal;

/** A session or an account of the bucket `usage` that is being erased. */
type Target = { userId: string; sid: string | undefined };

/**
 * Erases sessions and accounts. A request writes the tombstone and a row that says what is to be erased; the one
 * authenticator that sweeps works the rows off, so that each step is done by one process and a crash costs nothing.
 */
export class Erasures {
  private readonly rows;
  private readonly now: () => number;

  constructor(private readonly deps: ErasuresDeps) {
    this.rows = erasingRows(deps.admin);
    this.now = deps.now ?? Date.now;
  }

  /** After so long, in ms, what is not over is worked on again. */
  get againMs(): number {
    return Math.min(AGAIN_MS, this.deps.secondLookMs ?? SECOND_LOOK_MS);
  }

  /** Begins, or says how far it is. Resolves after the first pass, or after some seconds. */
  async request(what: EraseWhat, asked: EraseAsked): Promise<ErasureOutcome> {
    const key = await this.start(what, asked);
    if (typeof key !== 'string') return key;
    const deadline = this.now() + REPLY_MS;
    for (;;) {
      const row = (await this.rows.get(key))?.value;
      if (row === undefined) return { kind: 'answer', removed: {}, isOver: true };
      if (row.passedAt !== undefined) return { kind: 'answer', removed: row.removed ?? {}, isOver: true };
      if (this.now() > deadline) return { kind: 'answer', removed: row.removed ?? {}, isOver: false };
      await sleep(POLL_MS);
    }
  }

  /**
   * Looks once more at a session that was erased, because a host of this account asked for it: the host has published what it had
   * about the session before it asked.
   */
  async lookAgain(userId: string, sid: string): Promise<void> {
    const { secondLookMs = SECOND_LOOK_MS } = this.deps;
    const at = this.now();
    await this.rows.create(erasingKey(userId, sid), { at, why: 'asked', passedAt: at - secondLookMs });
  }

  /** Begins, and returns the key of the row; a reply where there is nothing to begin. */
  start(what: EraseWhat, asked: EraseAsked): Promise<string | ErasureOutcome> {
    return 'sid' in what ? this.beginSession(what.sid, asked) : this.beginAccount(what.userId, asked);
  }

  private async beginSession(sid: string, asked: EraseAsked): Promise<string | ErasureOutcome> {
    const owner = await ownerOf(this.deps.admin, sid);
    if (owner === undefined) return refused('session_not_found', `No session "${sid}"`);
    if (owner.erasedAt !== undefined) {
      const [key] = await this.rows.keys(`${ERASING_PREFIX}*.${sid}`);
      return key ?? { kind: 'answer', removed: {}, isOver: true };
    }
    return this.bury({ userId: owner.userId, sid }, asked);
  }

  private async beginAccount(userId: string, asked: EraseAsked): Promise<string | ErasureOutcome> {
    const { admin } = this.deps;
    const key = erasingKey(userId);
    if ((await this.rows.get(key)) !== undefined) return key;
    if ((await accountRows(admin).get(accountKey(userId))) === undefined) {
      const isErased = (await ownerRows(admin).get(erasedKey(userId)))?.value.erasedAt !== undefined;
      return isErased
        ? { kind: 'answer', removed: {}, isOver: true }
        : refused('user_not_found', `No account "${userId}"`);
    }
    return this.bury({ userId, sid: undefined }, asked);
  }

  private async bury(target: Target, { why, by, ip, epoch }: EraseAsked): Promise<string | ErasureOutcome> {
    const key = await askErasure(this.deps.admin, target, {
      ...{ at: this.now(), why },
      ...(by === undefined ? {} : { by }),
      ...(ip === undefined ? {} : { ip }),
      ...(epoch === undefined ? {} : { epoch }),
    });
    return key ?? refused('session_running', `The session ${target.sid} was resumed`);
  }

  /** One pass over what a row names. False while another one is needed. Throws `unavailable` to be called again. */
  async work(key: string): Promise<boolean> {
    const found = await this.rows.get(key);
    const target = targetOf(key);
    if (found === undefined || target === undefined) return true;
    const row = found.value;
    const { admin, secondLookMs = SECOND_LOOK_MS } = this.deps;
    if (!(await buryRow(admin, target.sid ?? erasedKey(target.userId), row.at, row.epoch))) {
      await this.rows.delete(key);
      return true;
    }
    const { passedAt } = row;
    if (passedAt !== undefined && this.now() - passedAt < secondLookMs) return false;
    if (passedAt !== undefined && !(await this.isLeft(target))) {
      await this.rows.delete(key, { markerMs: 60 * 60_000 });
      return true;
    }
    const removed =
      target.sid === undefined
        ? await this.eraseAll(target.userId, row)
        : await this.eraseOne({ userId: target.userId, sid: target.sid });
    await this.prove(target, row, removed);
    await this.rows.put(key, { ...row, passedAt: this.now(), removed: addRemoved(row.removed ?? {}, removed) });
    return false;
  }

  private async isLeft({ userId, sid }: Target): Promise<boolean> {
    const { admin } = this.deps;
    if (sid !== undefined) return hasTraces(admin, { userId, sid });
    if ((await accountRows(admin).get(accountKey(userId))) !== undefined) return true;
    return (await sessionsOf(admin, userId)).length > 0 || (await runnersOf(admin, userId)).length > 0;
  }

  private async eraseOne(place: { userId: string; sid: string }): Promise<Removed> {
    const { admin } = this.deps;
    const isWithAccount = (await this.rows.get(erasingKey(place.userId))) !== undefined;
    if (!isWithAccount) await this.endKeepers(place.userId);
    return eraseSession(admin, place, { withAccount: isWithAccount });
  }

  /** Each session of the account has a row of its own, and so a second look. */
  private async eraseAll(userId: string, { why, by, ip }: ErasingRow): Promise<Removed> {
    const { admin, log } = this.deps;
    await closeAccount(admin, userId);
    await this.endKeepers(userId);
    const sids = await sessionsOf(admin, userId);
    for (const sid of sids) await this.bury({ userId, sid }, { why, by, ip });
    const open = await this.rows.all(`${ERASING_PREFIX}${userId}.`);
    const first = [...open].filter(([, row]) => row.passedAt === undefined).map(([key]) => key);
    await new Semaphore(AT_ONCE).forEach(first, async (key) => void (await this.work(key)));
    const removed = await eraseAccount(admin, userId);
    log.info({ sessions: sids.length }, 'erased an account');
    return addRemoved(removed, { sessions: sids.length });
  }

  /**
   * Ends the connections by which the account's hosts write to sessions without a worker: what such a connection may write
   * was settled when it was made. It is made anew at once.
   */
  private async endKeepers(userId: string): Promise<void> {
    const { b, admin } = this.deps;
    const rids = new Set(await runnersOf(admin, userId));
    for (const connection of await listConnections(b)) {
      const name = parseConnectionName(connection.name);
      if (name?.kind === 'keeper' && rids.has(name.rid)) await kick(b, connection);
    }
  }

  /** The row of the audit log that shows what was removed: counts, and the hash of the id. Never a content. */
  private async prove(
    { userId, sid }: Target,
    { at, why, by, ip, passedAt }: ErasingRow,
    removed: Removed,
  ): Promise<void> {
    const stored = await publishAudit(this.deps.admin, {
      ...{ kind: 'erased', at: this.now(), what: sid === undefined ? 'account' : 'session', why, askedAt: at },
      ...{ ids: hashOfIds([sid ?? userId]), removed },
      ...(by === undefined ? {} : { userId: by }),
      ...(ip === undefined ? {} : { ip }),
      ...(passedAt === undefined ? {} : { again: true }),
    });
    if (stored.kind === 'unavailable') throw new CodedError('unavailable', 'The proof of an erasure was not stored');
    this.deps.metrics.erasures.inc({ what: sid === undefined ? 'account' : 'session', why });
  }
}

function refused(code: 'session_not_found' | 'user_not_found' | 'session_running', what: string): HostApiRefusal {
  return { kind: 'refused', ...errorInfo(code, what) };
}

function targetOf(key: string): Target | undefined {
  const [userId, sid, ...rest] = key.slice(ERASING_PREFIX.length).split('.');
  return userId === undefined || rest.length > 0 ? undefined : { userId, sid };
}
