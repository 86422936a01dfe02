import type { SessionMetaState, SessionPartial } from '@pizzapi/protocol';
import type { Responder } from './responses.js';

/** What happens in a scripted session. */
export interface Scene {
  events: object[];
  meta: Partial<SessionMetaState>;
  partial?: SessionPartial;
  pieces?: object[];
  /** What its host says to a command, where that is not what every host says. */
  respond?: Responder;
}
