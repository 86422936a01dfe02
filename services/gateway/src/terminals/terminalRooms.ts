import type { Logger } from '@pizzapi/process';
import { CodedError, parseTerminalId, TERMINAL_CHUNK_BYTES } from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import { DrainWaiter } from '../room/backpressure.js';
import { ROOM_LIMITS } from '../room/limits.js';
import type { TerminalSource } from './terminalSource.js';
import { TerminalRoom } from './terminalRoom.js';

export interface TerminalRoomsOptions {
  hostOf: (terminalId: string) => TerminalSource | undefined;
  /** Writes a row of the audit log: the person has the keyboard of the terminal now. */
  recordKeyboard: (principal: Principal, terminalId: string, runnerId: string) => void;
  log: Logger;
}

/** The terminals that are watched at this gateway. */
export class TerminalRooms {
  private readonly rooms = new Map<string, TerminalRoom>();
  private readonly flow = new DrainWaiter({ refillBytes: TERMINAL_CHUNK_BYTES, stallMs: ROOM_LIMITS.stallMs });

  constructor(private readonly options: TerminalRoomsOptions) {}

  /** The room of a terminal, held: the caller releases it. Rooms of two accounts are apart. Throws `invalid_id`. */
  of(terminalId: string, principal: Principal): TerminalRoom {
    const key = `${principal.userId} ${terminalId}`;
    const known = this.rooms.get(key);
    if (known !== undefined) {
      known.hold();
      return known;
    }
    const { hostOf, recordKeyboard, log } = this.options;
    const host = hostOf(terminalId);
    const id = parseTerminalId(terminalId);
    if (host === undefined || id === undefined) throw new CodedError('invalid_id', 'This is no id of a terminal');
    const { runnerId } = id;
    const onOver = (): void => {
      if (this.rooms.get(key) === room) this.rooms.delete(key);
    };
    const room = new TerminalRoom(
      {
        ...{ terminalId, host, log, onOver, flow: this.flow },
        recordKeyboard: (who) => recordKeyboard(who, terminalId, runnerId),
      },
      principal,
    );
    room.hold();
    this.rooms.set(key, room);
    return room;
  }

  close(): void {
    for (const room of [...this.rooms.values()]) room.close();
  }
}
