import type { TerminalViewer } from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import type { CatchUpViewer } from '../room/catchUp.js';
import type { ViewerState } from '../room/viewer.js';
import type { TakingConnection } from './takingConnection.js';

/** One connection that watches a terminal. */
export class TerminalWatcher implements CatchUpViewer {
  state: ViewerState = 'filling';
  position = 0;
  /** Was told that the replay has ended. */
  announced = false;

  constructor(
    readonly wire: TakingConnection,
    readonly principal: Principal,
    readonly viewer: TerminalViewer,
  ) {}
}
