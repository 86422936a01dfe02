import {
  CodedError,
  ERRORS,
  SOCKET_PROTOCOL_VERSION,
  errorInfo,
  isMap,
  newId,
  parseViewerUp,
  toErrorInfo,
  type ErrorInfo,
  type ParsedFrame,
  type ViewerMode,
  type ViewerUpFrame,
} from '@pizzapi/protocol';
import { withTimeout, type Logger } from '@pizzapi/process';
import type { Joins } from '../audit/joins.js';
import type { DenialAuditor } from '../audit/denialAuditor.js';
import { accountIdOf, type Principal } from '../auth/principal.js';
import { clientTrace } from '../clientTrace.js';
import type { GatewayMetrics } from '../metrics.js';
import type { Room } from '../room/room.js';
import type { Rooms } from '../room/rooms.js';
import { Viewer } from '../room/viewer.js';
import type { Access } from '../session/access.js';
import type { SessionVisibility, VisibleViewer } from '../session/visibility.js';
import type { SendCommandOutcome, CommandSender } from '../session/commandSender.js';
import type { SessionReader } from '../session/reader.js';
import { readerOf, type SessionEntries } from '../session/sessionEntries.js';
import type { ClientConnection } from '../wire/clientConnection.js';

/** How long opening a room may take before the viewer gets an error, in ms. */
const OPEN_MS = 10_000;

export interface ViewerDeps {
  rooms: Rooms;
  reader: SessionReader;
  entries: SessionEntries;
  access: Access;
  visibility: SessionVisibility;
  commandSender: CommandSender;
  metrics: GatewayMetrics;
  denials: DenialAuditor;
  joins: Joins;
  log: Logger;
  /** How long a viewer may take to say where to begin, in ms. */
  resumeMs: number;
}

/** Answers that are held until the viewer is greeted. */
const MAX_HELD = 64;

/** What may come from who only watches. */
const OF_WATCHING: readonly unknown[] = ['resume', 'visible', 'ping'];

/** A frame of a read-only viewer, whatever its shape. */
interface DeniedFrame {
  type: 'denied';
  ref?: string;
  /** What it is called. */
  frame: string;
}

/** One viewer's conversation: greets, then does what its frames ask. */
export class ViewerSocket {
  readonly viewer: Viewer;
  private room: Room | undefined;
  private greeting: Promise<void> | undefined;
  private over = false;
  /** Answers that wait for `hello`. Undefined after it. */
  private held: object[] | undefined = [];
  private readonly looker: VisibleViewer;
  /** Runs until the viewer has sent `resume`. */
  private readonly due: NodeJS.Timeout;

  constructor(
    private readonly deps: ViewerDeps,
    private readonly sid: string,
    private readonly principal: Principal,
    mode: ViewerMode,
    private readonly wire: ClientConnection,
  ) {
    const { userId, name, account } = principal;
    const marked = account === undefined ? {} : { signedIn: true as const };
    this.viewer = new Viewer(wire, { id: newId(), userId, mode, name, ...marked });
    this.looker = { userId: account?.userId ?? userId, isThere: () => wire.isAlive() };
    this.due = setTimeout(() => wire.close('too_slow', 'No `resume` frame was received'), deps.resumeMs).unref();
  }

  /** Opens the session's room and says hello. */
  greet(): Promise<void> {
    return (this.greeting ??= this.open());
  }

  private async open(): Promise<void> {
    const { rooms, reader, entries } = this.deps;
    try {
      const opening = Promise.all([rooms.open(this.sid), reader.meta(this.sid)]);
      const [room, meta] = await withTimeout(opening, OPEN_MS, () => {
        throw new CodedError('unavailable', 'The stream did not answer');
      });
      if (this.over || !this.wire.open) return;
      this.room = room;
      room.join(this.viewer);
      this.deps.joins.note(this.principal, this.sid, this.viewer.mode);
      const held = this.held;
      this.held = undefined;
      this.wire.send({
        type: 'hello',
        protocol: SOCKET_PROTOCOL_VERSION,
        sessionId: this.sid,
        mode: this.viewer.mode,
        session: entries.for(readerOf(this.principal), reader.info(this.sid)),
        meta: meta.state,
        head: room.position,
        first: room.first,
        log: reader.log,
        keys: true,
        ...(this.principal.share?.files === true ? { files: true } : {}),
      });
      for (const frame of held ?? []) this.wire.send(frame);
    } catch (thrown) {
      const { code } = toErrorInfo(thrown);
      this.deps.metrics.error(code);
      this.wire.close('internal', code);
    }
  }

  /** Sends a frame, or holds it until the viewer is greeted: `hello` is the first frame. */
  private send(frame: object): void {
    if (this.held === undefined) this.wire.send(frame);
    else if (this.held.length < MAX_HELD) this.held.push(frame);
    else this.wire.close('bad_frame', 'Too many frames before `hello`');
  }

  /** Frames of a read-only viewer, apart from those for watching, are refused without validation. */
  parse(value: unknown): ParsedFrame<ViewerUpFrame | DeniedFrame> {
    const { access } = this.deps;
    if (!isMap(value) || OF_WATCHING.includes(value['type'])) return parseViewerUp(value);
    if (access.modeIn(this.principal, this.sid) !== 'read') return parseViewerUp(value);
    const { ref, type } = value;
    const given = typeof ref === 'string' ? { ref: ref.slice(0, 64) } : {};
    return { kind: 'frame', frame: { type: 'denied', ...given, frame: String(type).slice(0, 64) } };
  }

  async onFrame(frame: ViewerUpFrame | DeniedFrame): Promise<void> {
    switch (frame.type) {
      case 'denied':
        return this.refuse(errorInfo('read_only'), frame.frame, frame.ref);
      case 'ping':
        return this.send({ type: 'pong' });
      case 'visible':
        return this.look(frame.visible);
      case 'resume':
        return this.resume(frame);
      case 'input':
      case 'command':
        return this.command(frame);
    }
  }

  problem(error: ErrorInfo, ref?: string): void {
    this.deps.metrics.error(error.code);
    this.send({ type: 'error', ...(ref === undefined ? {} : { ref }), ...error });
  }

  closed(): void {
    this.over = true;
    clearTimeout(this.due);
    this.look(false);
    if (this.room !== undefined) this.deps.rooms.leave(this.sid, this.room, this.viewer);
  }

  /** Only accounts are notified. */
  private look(visible: boolean): void {
    const { visibility } = this.deps;
    if (visible && !this.over && accountIdOf(this.principal) !== undefined)
      visibility.setVisible(this.sid, this.looker);
    else visibility.setHidden(this.sid, this.looker);
  }

  private async resume(frame: Extract<ViewerUpFrame, { type: 'resume' }>): Promise<void> {
    clearTimeout(this.due);
    // A client that did not wait for `hello` still gets it first.
    await this.greet();
    const { room, viewer } = this;
    if (this.over) return;
    if (room === undefined || viewer.state !== 'greeted') {
      return this.problem({ code: 'bad_frame', message: 'Send `resume` once.' });
    }
    // Not waited for: a replay may take long, and commands go on meanwhile.
    const foreign = frame.log !== undefined && frame.log !== this.deps.reader.log;
    room.resume(viewer, { ...frame, foreign }).catch((thrown: unknown) => {
      this.deps.log.error({ err: thrown, sid: this.sid }, 'replay failed');
      this.wire.close('internal');
    });
  }

  private async command(frame: Extract<ViewerUpFrame, { type: 'input' | 'command' }>): Promise<void> {
    const { principal, sid } = this;
    const { commandSender } = this.deps;
    const trace = clientTrace(frame.traceparent, frame.tracestate);
    const outcome: SendCommandOutcome =
      frame.type === 'input'
        ? await commandSender.input({
            principal,
            sid,
            text: frame.text,
            deliverAs: frame.deliverAs,
            attachments: frame.attachments,
            key: frame.key,
            trace,
          })
        : await commandSender.command({ principal, sid, name: frame.name, args: frame.args, key: frame.key, trace });
    const { ref } = frame;
    if (outcome.kind === 'sent') this.send({ type: 'ack', ref, commandId: outcome.commandId });
    else this.refuse(outcome.error, frame.type, ref);
  }

  /** Reports a failed command. A denied one leaves a row in the audit log. */
  private refuse(error: ErrorInfo, frame: string, ref?: string): void {
    const { code } = error;
    if (ERRORS[code].status === 403)
      this.deps.denials.record({ code, userId: this.principal.userId, sessionId: this.sid, frame });
    this.problem(error, ref);
  }
}
