import Type, { type Static } from 'typebox';
import { MAX_CALL_MS, method, PAGE_MESSAGE_BYTES, reply, request } from './method.js';

/** Lines of the log in one reply. */
export const LOG_PAGE = 1_000;
/** How long a request waits for a further line, in ms. */
export const MAX_LOG_WAIT_MS = 25_000;

const Count = Type.Integer({ minimum: 0 });
const LogId = Type.String({ pattern: '^log_[a-z2-7]{20}$' });

/** A part of the log of a runner. */
export const RunnerLogPage = reply({
  /** Names the log of this process of the runner: its lines are numbered from 0. */
  logId: LogId,
  /** Lines of JSON, without secrets. A long one is cut. */
  lines: Type.Array(Type.String()),
  /** The `after` of the next request. */
  next: Count,
  /** Lines after `after` that are not kept any more. Missing: none. */
  skipped: Type.Optional(Count),
});
export type RunnerLogPage = Static<typeof RunnerLogPage>;

export const LOG_METHODS = {
  read_log: method({
    summary: 'The last lines of the log of the runner, or those after a line',
    request: request({
      /** Without `after`: how many of the last lines. Default 100. */
      lines: Type.Optional(Type.Integer({ minimum: 0, maximum: LOG_PAGE })),
      /** `logId` and `next` of the reply before. Of another process than this one, the log is answered from its first line. */
      logId: Type.Optional(LogId),
      after: Type.Optional(Count),
      /** With `after`: how long to wait for a further line. Default 0. */
      waitMs: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_LOG_WAIT_MS })),
    }),
    reply: RunnerLogPage,
    right: 'exec',
    timeoutMs: MAX_CALL_MS,
    maxReplyBytes: PAGE_MESSAGE_BYTES,
    urgent: true,
  }),
};
