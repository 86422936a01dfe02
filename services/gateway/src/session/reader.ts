import { bucket, headOf, forgetOwner, purgeSession, replay, streamIdentity, type Backbone } from '@pizzapi/backbone';
import {
  decode,
  defaultMetaState,
  errorInfo,
  initialSessionInfo,
  isMap,
  type ErrorInfo,
  type SessionInfo,
  type SessionMetaState,
  type SessionReply,
} from '@pizzapi/protocol';
import { sleep } from '@pizzapi/process';
import type { Principal } from '../auth/principal.js';
import { offsetFrom } from '../room/natsSource.js';
import type { Commander } from './commander.js';
import type { Directory } from './directory.js';
import { LastOffsets } from './lastOffsets.js';

/** How long the host may take to end a session that is deleted, in ms. */
const END_MS = 10_000;
/** How long the projections may take to notice, in ms. */
const SETTLE_MS = 3_000;
/** A log that has not grown for so long, in ms, after its host left will not grow any more. */
const QUIET_MS = 250;

export interface ProjectedMeta {
  state: SessionMetaState;
  lastSeq: number;
}

const isProjectedMeta = (value: unknown): value is ProjectedMeta => isMap(value) && isMap(value['state']);

/** What is known of sessions, for HTTP and for greetings. */
export class Reader {
  private readonly metas;
  private readonly sessions;

  constructor(
    private readonly b: Backbone,
    private readonly directory: Directory,
    private readonly commander: Commander,
  ) {
    this.metas = bucket<ProjectedMeta>(b, 'session-meta', { check: isProjectedMeta });
    this.sessions = bucket<unknown>(b, 'sessions');
  }

  /** Which log the offsets are of. */
  get log(): string {
    return streamIdentity(this.b);
  }

  /** Whether there is such a session: projected, in the log, or asked for here a moment ago. */
  async exists(sid: string): Promise<boolean> {
    if (this.directory.session(sid) !== undefined || this.commander.isExpected(sid)) return true;
    return (await headOf(this.b, sid)).last > 0;
  }

  info(sid: string): SessionInfo {
    return (
      this.directory.session(sid) ?? {
        ...initialSessionInfo(sid),
        host: this.directory.isHosted(sid) ? 'connected' : 'lost',
      }
    );
  }

  async meta(sid: string): Promise<ProjectedMeta> {
    return (await this.metas.get(sid))?.value ?? { state: defaultMetaState(), lastSeq: 0 };
  }

  async reply(sid: string): Promise<SessionReply> {
    const [{ first, last }, { state }] = await Promise.all([headOf(this.b, sid), this.meta(sid)]);
    return { session: this.info(sid), meta: state, head: last, first };
  }

  /** Where reading begins to get the last `count` events before `before`, but none at or before `after`. */
  async offsetBefore(sid: string, count: number, before: number, after = 0): Promise<number> {
    const projected = await this.sessions.get(sid);
    const start = Math.max(after, offsetFrom(projected?.value, count, before - 1));
    const offsets = new LastOffsets(start, count);
    for await (const batch of replay(this.b, sid, { after: start, upTo: before - 1 })) {
      for (const { seq } of batch) offsets.push(seq);
    }
    return offsets.start;
  }

  /** Events after `after`, before `before`, `limit` at most, one JSON text with its line end each. */
  async *lines(sid: string, after: number, before: number, limit: number): AsyncGenerator<string, void, void> {
    let left = limit;
    for await (const batch of replay(this.b, sid, { after, upTo: before - 1 })) {
      for (const { seq, payload } of batch) {
        if (left-- <= 0) return;
        yield `${JSON.stringify({ seq, event: decode(payload) })}\n`;
      }
    }
  }

  /** Ends the session if it runs, then deletes its log and what was folded from it. */
  async delete(principal: Principal, sid: string): Promise<ErrorInfo | undefined> {
    const { directory, commander, b } = this;
    if (directory.isHosted(sid)) {
      const outcome = await commander.command({ principal, sid, name: 'kill_session' });
      if (outcome.kind === 'refused' && outcome.error.code !== 'session_ended') return outcome.error;
      if (!(await directory.until(() => !directory.isHosted(sid), END_MS))) {
        return errorInfo('runner_timeout', 'The host has not ended the session');
      }
      await this.quiet(sid);
    }
    await purgeSession(b, sid);
    await Promise.all([this.sessions.delete(sid), this.metas.delete(sid), forgetOwner(b, sid)]);
    commander.audit('delete', principal, { sessionId: sid });
    return undefined;
  }

  /** Waits for the last words of a host and for the projection of its end: what comes later would outlive the session. */
  private async quiet(sid: string): Promise<void> {
    const deadline = Date.now() + SETTLE_MS;
    const isOver = () => (this.directory.session(sid)?.state ?? 'ended') === 'ended';
    await this.directory.until(isOver, SETTLE_MS);
    for (let before = -1; Date.now() < deadline; await sleep(QUIET_MS)) {
      const { last } = await headOf(this.b, sid);
      if (last === before) return;
      before = last;
    }
  }
}
