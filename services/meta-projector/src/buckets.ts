import { bucket, type Backbone } from '@pizzapi/backbone';
import {
  isRunnerRow,
  isSessionMetaRow,
  isSessionRow,
  type RunnerRow,
  type SessionMetaRow,
  type SessionRow,
} from '@pizzapi/protocol';

/** The buckets that the projector keeps. A row in the wrong shape, of another version, reads as if there were none. */
export const sessionRows = (b: Backbone) => bucket<SessionRow>(b, 'sessions', { check: isSessionRow });
export const metaRows = (b: Backbone) => bucket<SessionMetaRow>(b, 'session-meta', { check: isSessionMetaRow });
export const runnerRows = (b: Backbone) => bucket<RunnerRow>(b, 'runners', { check: isRunnerRow });
