import { openSession, type Session } from '@pizzapi/session-client';
import { createHash } from 'node:crypto';
import { WebSocket } from 'ws';
import { eventually, nowMs } from '../harness/clock.js';
import { serveParent } from '../harness/program.js';

/** Many viewers in one process, each with the session client of the product: they fold, reconnect and resume. */
const READY_MS = 60_000;

interface Follower {
  sid: string;
  session: Session;
  /** Digest of every event with its offset, in the order of arrival. */
  events: ReturnType<typeof createHash>;
  /** When it stopped being live; undefined while it is live. */
  lostAt: number | undefined;
  hasBeenLive: boolean;
}

let followers: Follower[] = [];
/** How long each interruption that has ended took, in ms. */
let outages: number[] = [];

function follow(url: string, token: string, sid: string): Follower {
  const session = openSession({ url, token, sessionId: sid, WebSocket });
  const follower: Follower = {
    ...{ sid, session, events: createHash('sha256') },
    ...{ lostAt: undefined, hasBeenLive: false },
  };
  session.onEvent((seq, event) => follower.events.update(`${seq} ${JSON.stringify(event)}\n`));
  session.subscribe(() => {
    const isLive = session.connection.state.kind === 'live';
    if (!isLive && follower.hasBeenLive) follower.lostAt ??= nowMs();
    if (!isLive) return;
    follower.hasBeenLive = true;
    if (follower.lostAt !== undefined) outages.push(nowMs() - follower.lostAt);
    follower.lostAt = undefined;
  });
  return follower;
}

const isLive = ({ session }: Follower) => session.connection.state.kind === 'live';
const distinct = (values: string[]) => [...new Set(values)];

const handlers = {
  /** Opens `count` viewers of each session and waits until all are live. */
  open: async ({ url, token, sids, count }: { url: string; token: string; sids: string[]; count: number }) => {
    followers.push(...sids.flatMap((sid) => Array.from({ length: count }, () => follow(url, token, sid))));
    return eventually(() => followers.every(isLive), READY_MS);
  },
  /** Waits until all viewers are live. Returns the interruptions since the last call, in ms. */
  outages: async (_args: object) => {
    const all = await eventually(() => followers.every(isLive), READY_MS);
    const ended = outages.sort((a, b) => a - b);
    outages = [];
    return {
      all,
      outages: ended,
      notLive: distinct(
        followers.filter((one) => !isLive(one)).map(({ session }) => JSON.stringify(session.connection)),
      ),
    };
  },
  /** Waits until all viewers of a session have folded the offset. Returns their different digests. */
  digests: async ({ sid, upTo }: { sid: string; upTo: number }) => {
    const mine = followers.filter((follower) => follower.sid === sid);
    const all = await eventually(() => mine.every(({ session }) => session.cursor >= upTo), READY_MS);
    const digest = (text: string) => createHash('sha256').update(text).digest('hex');
    return {
      all,
      viewers: mine.length,
      events: distinct(mine.map(({ events }) => events.copy().digest('hex'))),
      transcripts: distinct(mine.map(({ session }) => digest(JSON.stringify(session.transcript.items)))),
      repeats: mine.reduce((sum, { session }) => sum + session.repeats, 0),
    };
  },
  close: () => {
    for (const { session } of followers) session.close();
    followers = [];
  },
};

export type ClusterViewersApi = typeof handlers;
serveParent(handlers);
