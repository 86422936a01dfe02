import {
  CodedError,
  SOCKET_PROTOCOL_VERSION,
  newId,
  toErrorInfo,
  type ErrorInfo,
  type ViewerUpFrame,
} from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import type { Refusals } from '../audit/refusals.js';
import { modeOf, type Principal } from '../auth/principal.js';
import type { GatewayMetrics } from '../metrics.js';
import type { Room } from '../room/room.js';
import type { Rooms } from '../room/rooms.js';
import { Viewer } from '../room/viewer.js';
import type { CommandOutcome, Commander } from '../session/commander.js';
import type { Reader } from '../session/reader.js';
import type { Wire } from '../wire/wire.js';

/** How long opening a room may take before the viewer is told to try again, in ms. */
const OPEN_MS = 10_000;

export interface ViewerDeps {
  rooms: Rooms;
  reader: Reader;
  commander: Commander;
  metrics: GatewayMetrics;
  refusals: Refusals;
  log: Logger;
}

/** One viewer's conversation: greets, then does what its frames ask. */
export class ViewerSocket {
  readonly viewer: Viewer;
  private room: Room | undefined;
  private greeting: Promise<void> | undefined;
  private over = false;

  constructor(
    private readonly deps: ViewerDeps,
    private readonly sid: string,
    private readonly principal: Principal,
    private readonly wire: Wire,
  ) {
    const { userId, name } = principal;
    this.viewer = new Viewer(wire, { id: newId(), userId, mode: modeOf(principal), name });
  }

  /** Opens the session's room and says hello. */
  greet(): Promise<void> {
    return (this.greeting ??= this.open());
  }

  private async open(): Promise<void> {
    const { rooms, reader } = this.deps;
    try {
      const [room, meta] = await inTime(Promise.all([rooms.open(this.sid), reader.meta(this.sid)]), OPEN_MS);
      if (this.over || !this.wire.open) return;
      this.room = room;
      room.join(this.viewer);
      this.deps.commander.audit('join', this.principal, { sessionId: this.sid, mode: this.viewer.mode });
      this.wire.send({
        type: 'hello',
        protocol: SOCKET_PROTOCOL_VERSION,
        sessionId: this.sid,
        mode: this.viewer.mode,
        session: reader.info(this.sid),
        meta: meta.state,
        head: room.position,
        first: room.first,
        log: reader.log,
      });
    } catch (thrown) {
      this.problem(toErrorInfo(thrown));
      this.wire.close('internal');
    }
  }

  async onFrame(frame: ViewerUpFrame): Promise<void> {
    switch (frame.type) {
      case 'ping':
        return this.wire.send({ type: 'pong' });
      case 'resume':
        return this.resume(frame);
      case 'input':
      case 'command':
        return this.command(frame);
    }
  }

  problem(error: ErrorInfo, ref?: string): void {
    this.deps.metrics.error(error.code);
    this.wire.send({ type: 'error', ...(ref === undefined ? {} : { ref }), ...error });
  }

  closed(): void {
    this.over = true;
    if (this.room !== undefined) this.deps.rooms.leave(this.sid, this.room, this.viewer);
  }

  private async resume(frame: Extract<ViewerUpFrame, { type: 'resume' }>): Promise<void> {
    // A client that did not wait for `hello` still gets it first.
    await this.greet();
    const { room, viewer } = this;
    if (this.over) return;
    if (room === undefined || viewer.state !== 'greeted') {
      return this.problem({ code: 'bad_frame', message: '`resume` comes once.' });
    }
    // Not waited for: a replay may take long, and commands go on meanwhile.
    const foreign = frame.log !== undefined && frame.log !== this.deps.reader.log;
    room.resume(viewer, { ...frame, foreign }).catch((thrown: unknown) => {
      this.deps.log.error({ err: thrown, sid: this.sid }, 'replay failed');
      this.wire.close('internal');
    });
  }

  private async command(frame: Extract<ViewerUpFrame, { type: 'input' | 'command' }>): Promise<void> {
    const { principal, sid, viewer } = this;
    const { commander, refusals } = this.deps;
    const { ref } = frame;
    if (viewer.mode === 'read') {
      refusals.note({ code: 'read_only', userId: principal.userId, sessionId: sid, frame: frame.type });
      return this.problem({ code: 'read_only', message: 'This link only lets you watch.' }, ref);
    }
    const outcome =
      frame.type === 'input'
        ? await commander.input({
            principal,
            sid,
            text: frame.text,
            deliverAs: frame.deliverAs,
            attachments: frame.attachments,
          })
        : await commander.command({ principal, sid, name: frame.name, args: frame.args });
    this.answer(ref, outcome);
  }

  private answer(ref: string, outcome: CommandOutcome): void {
    if (outcome.kind === 'sent') this.wire.send({ type: 'ack', ref, commandId: outcome.commandId });
    else this.problem(outcome.error, ref);
  }
}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CodedError('unavailable', 'The log did not answer')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
