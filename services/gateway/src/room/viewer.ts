import type { Presence, ViewerMode } from '@pizzapi/protocol';
import type { ClientConnection } from '../wire/clientConnection.js';

/**
 * `greeted`: has not said where to begin. `filling`: gets what it is missing, by replay or after having been parked.
 * `live`: gets what comes as it comes. `gone`: left.
 */
export type ViewerState = 'greeted' | 'filling' | 'live' | 'gone';

/** One connection that watches a session. */
export class Viewer {
  state: ViewerState = 'greeted';
  /** Everything up to this offset has been written to it, or was not wanted. */
  position = 0;
  /** Has been told that it is live; told once. */
  announced = false;

  constructor(
    readonly wire: ClientConnection,
    readonly presence: Presence,
  ) {}

  get mode(): ViewerMode {
    return this.presence.mode;
  }
}
