import type { Logger } from '@pizzapi/process';
import {
  errorInfo,
  newId,
  oneLine,
  parseTerminalId,
  shorten,
  SOCKET_PROTOCOL_VERSION,
  toErrorInfo,
  type ErrorInfo,
  type TerminalUpFrame,
} from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import type { GatewayMetrics } from '../metrics.js';
import type { SocketHandler } from '../sockets/feeds.js';
import type { ClientConnection } from '../wire/clientConnection.js';
import { TakingConnection } from './takingConnection.js';
import { TerminalInput } from './terminalInput.js';
import { FINAL_ANSWERS, type TerminalRoom } from './terminalRoom.js';
import type { TerminalRooms } from './terminalRooms.js';
import { TerminalWatcher } from './terminalWatcher.js';

/** Characters of the name of a viewer that others see. */
const NAME_LENGTH = 100;

export interface TerminalSocketDeps {
  rooms: TerminalRooms;
  metrics: GatewayMetrics;
  log: Logger;
  /** How long a viewer may take to say where to begin, in ms. */
  resumeMs: number;
}

/** One viewer's connection to a terminal: greets, then does what its frames ask. */
export class TerminalSocket implements SocketHandler<TerminalUpFrame> {
  private readonly taking: TakingConnection;
  private readonly due: NodeJS.Timeout;
  private room: TerminalRoom | undefined;
  private watcher: TerminalWatcher | undefined;
  private typed: TerminalInput | undefined;
  private greeting: Promise<void> | undefined;
  private over = false;

  constructor(
    private readonly deps: TerminalSocketDeps,
    private readonly terminalId: string,
    private readonly principal: Principal,
    private readonly wire: ClientConnection,
  ) {
    this.taking = new TakingConnection(wire);
    this.due = setTimeout(() => wire.close('too_slow', 'No `resume` frame was received'), deps.resumeMs).unref();
  }

  /** Asks the host for the terminal and greets. */
  greet(): Promise<void> {
    return (this.greeting ??= this.open());
  }

  async onFrame(frame: TerminalUpFrame): Promise<void> {
    if (frame.type === 'ping') return this.wire.send({ type: 'pong' });
    if (frame.type === 'resume') return this.resume(frame);
    const { watcher, room } = this;
    if (watcher === undefined || room === undefined) return this.problem(errorInfo('bad_frame', 'Send `resume` first'));
    if (frame.type === 'terminal_taken') return room.taken(watcher, frame.n);
    const error = await this.act(frame, watcher, room);
    if (error !== undefined) this.problem(error);
  }

  problem({ code, message }: ErrorInfo): void {
    this.deps.metrics.error(code);
    this.wire.send({ type: 'terminal_error', code, message });
  }

  closed(): void {
    this.over = true;
    clearTimeout(this.due);
    if (this.watcher !== undefined) this.room?.leave(this.watcher);
    this.room?.release();
  }

  private async open(): Promise<void> {
    try {
      const room = this.deps.rooms.of(this.terminalId, this.principal);
      this.room = room;
      const { cols, rows, writer, viewers, name, cwd, first, head } = await room.open();
      if (this.over) return;
      const runnerId = parseTerminalId(this.terminalId)?.runnerId;
      this.wire.send({
        type: 'terminal_connected',
        protocol: SOCKET_PROTOCOL_VERSION,
        terminalId: this.terminalId,
        ...{ runnerId, cwd, first, head, cols, rows, writer, viewers, name },
      });
    } catch (thrown) {
      if (!this.over) this.end(toErrorInfo(thrown));
    }
  }

  private end(error: ErrorInfo): void {
    this.problem(error);
    this.wire.close(FINAL_ANSWERS.includes(error.code) ? 'terminal_gone' : 'internal', error.code);
  }

  private async resume({
    after = 0,
    viewer,
    label,
    takes,
  }: Extract<TerminalUpFrame, { type: 'resume' }>): Promise<void> {
    clearTimeout(this.due);
    // A client that did not wait for the greeting still gets it first.
    await this.greet();
    const { room, principal } = this;
    if (this.over || room === undefined) return;
    if (this.watcher !== undefined) return this.problem({ code: 'bad_frame', message: 'Send `resume` once.' });
    const { name } = principal;
    const shown = label === undefined || label === '' ? name : `${name} (${oneLine(label)})`;
    const id = viewer ?? newId('v');
    const watcher = new TerminalWatcher(this.taking, principal, { viewer: id, name: shorten(shown, NAME_LENGTH) });
    this.watcher = watcher;
    this.typed = new TerminalInput(async (input) => {
      const bytes = Buffer.from(input).toString('base64');
      return errorOf(await room.host.call(principal, 'terminal_input', { bytes, viewer: id }));
    });
    if (takes !== true) this.taking.ignoreTaken();
    // Not waited for: a replay may take long, and input is handled meanwhile.
    room.join(watcher, after).catch((thrown: unknown) => {
      this.deps.log.info({ err: thrown, terminalId: this.terminalId }, 'the replay of a terminal failed');
      if (!this.over) this.end(toErrorInfo(thrown));
    });
  }

  private async act(
    frame: Exclude<TerminalUpFrame, { type: 'ping' | 'resume' | 'terminal_taken' }>,
    watcher: TerminalWatcher,
    room: TerminalRoom,
  ): Promise<ErrorInfo | undefined> {
    const { host } = room;
    const { principal } = this;
    const { viewer } = watcher.viewer;
    switch (frame.type) {
      case 'terminal_input':
        return this.typed?.type(frame.bytes);
      case 'terminal_resize': {
        const { cols, rows } = frame;
        return errorOf(await host.call(principal, 'terminal_resize', { cols, rows, viewer }));
      }
      case 'take_keyboard':
        this.typed?.begin();
        return room.takeKeyboard(watcher);
      case 'kill_terminal':
        return errorOf(await host.call(principal, 'kill_terminal', {}));
    }
  }
}

const errorOf = (outcome: { kind: 'ok' } | { kind: 'refused'; error: ErrorInfo }): ErrorInfo | undefined =>
  outcome.kind === 'refused' ? outcome.error : undefined;
