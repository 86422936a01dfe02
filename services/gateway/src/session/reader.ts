import { bucket, headOf, readSessionRow, replay, streamIdentity, type Backbone } from '@pizzapi/backbone';
import {
  defaultMetaState,
  initialSessionInfo,
  isMap,
  type SessionInfo,
  type SessionMetaState,
  type SessionReply,
} from '@pizzapi/protocol';
import { offsetFrom } from '../checkpoints.js';
import { readStoredEvent } from '../wire/storedEvent.js';
import type { Directory } from './directory.js';
import { LastOffsets } from '../lastOffsets.js';

export interface ProjectedMeta {
  state: SessionMetaState;
  lastSeq: number;
}

const isProjectedMeta = (value: unknown): value is ProjectedMeta => isMap(value) && isMap(value['state']);

/** How long the projection of a session that is in the log is waited for, in ms. */
const PROJECTION_MS = 1_000;

/** What is known of sessions, for HTTP and for greetings. */
export class SessionReader {
  private readonly metas;

  constructor(
    private readonly b: Backbone,
    private readonly directory: Directory,
  ) {
    this.metas = bucket<ProjectedMeta>(b, 'session-meta', { check: isProjectedMeta });
  }

  /** Which log the offsets are of. */
  get log(): string {
    return streamIdentity(this.b);
  }

  /** Whether anything of a session is in the log. */
  async isLogged(sid: string): Promise<boolean> {
    return (await headOf(this.b, sid)).last > 0;
  }

  info(sid: string): SessionInfo {
    return (
      this.directory.session(sid) ?? {
        ...initialSessionInfo(sid),
        ...{ userId: this.directory.userOf(sid) ?? '', runnerId: this.directory.runnerOf(sid) ?? '' },
        host: this.directory.isHosted(sid) ? 'connected' : 'lost',
      }
    );
  }

  async meta(sid: string): Promise<ProjectedMeta> {
    return (await this.metas.get(sid))?.value ?? { state: defaultMetaState(), lastSeq: 0 };
  }

  async reply(sid: string): Promise<SessionReply> {
    const [{ first, last }, { state }] = await Promise.all([headOf(this.b, sid), this.meta(sid)]);
    // A session that has just begun: the projector has not folded its first event.
    if (last > 0) await this.directory.until(() => this.directory.session(sid) !== undefined, PROJECTION_MS);
    return { session: this.info(sid), meta: state, head: last, first };
  }

  /** Where reading begins to get the last `count` events before `before`, but none at or before `after`. */
  async offsetBefore(sid: string, count: number, before: number, after = 0): Promise<number> {
    const row = await readSessionRow(this.b, sid);
    const start = Math.max(after, offsetFrom(row, count, before - 1));
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
        yield `${JSON.stringify({ seq, event: readStoredEvent(payload) })}\n`;
      }
    }
  }
}
