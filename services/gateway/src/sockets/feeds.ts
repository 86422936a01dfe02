import { errorInfo, type ErrorInfo, type HubUpFrame, type RunnersUpFrame } from '@pizzapi/protocol';
import type { GatewayMetrics } from '../metrics.js';
import type { Directory, DirectoryChange } from '../session/directory.js';
import { controlFrame, Packet } from '../wire/frame.js';
import type { Wire } from '../wire/wire.js';
import type { MetaFeeds, MetaListener } from './metaFeed.js';

/** Sessions whose meta state one hub connection may follow. */
const MAX_META_SUBSCRIPTIONS = 256;
/** A list connection with more unsent than this is closed; it gets the whole list when it is back. */
const MAX_UNSENT = 1024 * 1024;

/** Tells connections of one kind what changes in the directory; each frame is built once. */
export class Feed {
  private readonly wires = new Set<Wire>();

  /** `frameOf`: what to tell of a change, if anything. */
  constructor(directory: Directory, frameOf: (change: DirectoryChange) => object | undefined) {
    directory.on((change) => {
      if (this.wires.size === 0) return;
      const frame = frameOf(change);
      if (frame === undefined) return;
      const packet = new Packet([controlFrame(frame)]);
      for (const wire of this.wires) {
        if (wire.buffered > MAX_UNSENT) wire.close('too_slow');
        else wire.write(packet);
      }
    });
  }

  add(wire: Wire): void {
    this.wires.add(wire);
  }

  remove(wire: Wire): void {
    this.wires.delete(wire);
  }
}

/** What `/ws/hub` tells. */
export function hubFrame(change: DirectoryChange): object | undefined {
  switch (change.kind) {
    case 'session':
      return { type: change.added ? 'session_added' : 'session_status', session: change.session };
    case 'session_gone':
      return { type: 'session_removed', sessionId: change.sid };
    default:
      return undefined;
  }
}

/** What `/ws/runners` tells. */
export function runnersFrame(change: DirectoryChange): object | undefined {
  switch (change.kind) {
    case 'runner':
      return { type: change.added ? 'runner_added' : 'runner_updated', runner: change.runner };
    case 'runner_gone':
      return { type: 'runner_removed', runnerId: change.rid };
    default:
      return undefined;
  }
}

/** What every kind of connection does with what comes in. */
export interface Conversation<F> {
  onFrame(frame: F): Promise<void> | void;
  problem(error: ErrorInfo, ref?: string): void;
  closed(): void;
}

/** One connection to a list: the list first, then its changes. */
class FeedSocket {
  constructor(
    protected readonly wire: Wire,
    private readonly feed: Feed,
    private readonly metrics: GatewayMetrics,
    list: object,
  ) {
    wire.send(list);
    feed.add(wire);
  }

  problem(error: ErrorInfo, ref?: string): void {
    this.metrics.error(error.code);
    this.wire.send({ type: 'error', ...(ref === undefined ? {} : { ref }), ...error });
  }

  closed(): void {
    this.feed.remove(this.wire);
  }
}

export class RunnersSocket extends FeedSocket implements Conversation<RunnersUpFrame> {
  constructor(wire: Wire, feed: Feed, metrics: GatewayMetrics, directory: Directory) {
    super(wire, feed, metrics, { type: 'runners', runners: directory.listRunners() });
  }

  onFrame(_frame: RunnersUpFrame): void {
    this.wire.send({ type: 'pong' });
  }
}

export class HubSocket extends FeedSocket implements Conversation<HubUpFrame>, MetaListener {
  private readonly subscribed = new Set<string>();

  constructor(
    wire: Wire,
    feed: Feed,
    metrics: GatewayMetrics,
    directory: Directory,
    private readonly metas: MetaFeeds,
  ) {
    super(wire, feed, metrics, { type: 'sessions', sessions: directory.listSessions() });
  }

  onFrame(frame: HubUpFrame): void {
    switch (frame.type) {
      case 'ping':
        return this.wire.send({ type: 'pong' });
      case 'subscribe_session_meta':
        if (this.subscribed.has(frame.sessionId)) return;
        if (this.subscribed.size >= MAX_META_SUBSCRIPTIONS) {
          return this.problem(
            errorInfo('too_many_requests', `A connection may follow ${MAX_META_SUBSCRIPTIONS} sessions`),
          );
        }
        this.subscribed.add(frame.sessionId);
        return this.metas.subscribe(frame.sessionId, this);
      case 'unsubscribe_session_meta':
        if (this.subscribed.delete(frame.sessionId)) this.metas.unsubscribe(frame.sessionId, this);
        return;
    }
  }

  snapshot(sessionId: string, state: object): void {
    this.wire.send({ type: 'state_snapshot', sessionId, state });
  }

  event(sessionId: string, version: number, event: unknown): void {
    this.wire.send({ type: 'meta_event', sessionId, version, event });
  }

  override closed(): void {
    super.closed();
    for (const sid of this.subscribed) this.metas.unsubscribe(sid, this);
  }
}
