import { openSession, type Session } from '@pizzapi/session-client';
import { WebSocket } from 'ws';
import { nowMs } from '../harness/clock.js';
import { serveParent } from '../harness/program.js';

/** One viewer that folds: the session client of the product, as it runs in a terminal or a page. */
const LIMIT_MS = 60_000;

const handlers = {
  /** Opens a session and follows it until it is live. Times are in ms since the call. */
  open: ({ url, sid, token, tail }: { url: string; sid: string; token: string; tail?: number }) =>
    new Promise<{
      helloMs: number;
      firstEventMs: number;
      liveMs: number;
      events: number;
      items: number;
      cpuSeconds: number;
    }>((resolve, reject) => {
      const from = nowMs();
      const cpu = process.cpuUsage();
      let events = 0;
      let helloMs = Number.NaN;
      let firstEventMs = Number.NaN;
      const session: Session = openSession({
        url,
        sessionId: sid,
        token,
        WebSocket,
        ...(tail === undefined ? {} : { tail }),
      });
      const timer = setTimeout(() => settle(() => reject(new Error('not live in time'))), LIMIT_MS);
      // Only the first settlement of a promise counts, because closing is reported too.
      const settle = (end: () => void) => {
        clearTimeout(timer);
        end();
        setImmediate(() => session.close());
      };
      session.onEvent(() => {
        if (events++ === 0) firstEventMs = nowMs() - from;
      });
      session.subscribe(() => {
        const { state } = session.connection;
        if (Number.isNaN(helloMs) && (state.kind === 'replaying' || state.kind === 'live')) helloMs = nowMs() - from;
        if (state.kind === 'live') {
          const { user, system } = process.cpuUsage(cpu);
          const figures = {
            helloMs,
            firstEventMs,
            liveMs: nowMs() - from,
            events,
            items: session.transcript.items.length,
          };
          settle(() => resolve({ ...figures, cpuSeconds: (user + system) / 1e6 }));
        } else if (state.kind === 'closed') settle(() => reject(new Error(session.connection.sentence)));
      });
    }),
};

export type FoldingClientApi = typeof handlers;
serveParent(handlers);
