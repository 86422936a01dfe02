import { bucket, type Backbone, type Bucket } from '@pizzapi/backbone';
import { isId, isMap, stringAt, type GuestRef } from '@pizzapi/protocol';

/** A child session, as the orchestrator made it. */
export interface ParentLink {
  parent: string;
  userId: string;
  /** The runner it was sent to: its host until somebody else is granted it. */
  rid: string;
  /** The guests for whom the parent spawned it. */
  guests?: GuestRef[] | undefined;
}

const isLink = (value: unknown): value is ParentLink =>
  isMap(value) && isId(value['parent']) && stringAt(value, 'userId') !== undefined && isId(value['rid']);

/** How long a link is kept, in ms. */
const KEEP_MS = 90 * 24 * 60 * 60_000;
/** How long the bucket remembers that a link ended, in ms: for whoever lists at that moment. */
const MARKER_MS = 60_000;
const PREFIX = 'child.';

/**
 * Who is whose child. Kept by the orchestrator itself, beside the cursor of the projections: what a log says of its
 * parent is only shown, for whoever writes a log could name any session there, and speak to its agent.
 */
export class ParentLinks {
  private readonly rows: Bucket<ParentLink>;

  constructor(b: Backbone) {
    this.rows = bucket<ParentLink>(b, 'projector', { check: isLink });
  }

  async of(child: string): Promise<ParentLink | undefined> {
    return isId(child) ? (await this.rows.get(PREFIX + child))?.value : undefined;
  }

  /** False when the child is another session's. */
  async make(child: string, link: ParentLink): Promise<boolean> {
    if ((await this.rows.create(PREFIX + child, link, { ttlMs: KEEP_MS })).kind === 'stored') return true;
    return (await this.of(child))?.parent === link.parent;
  }

  async end(child: string): Promise<void> {
    await this.rows.delete(PREFIX + child, { markerMs: MARKER_MS });
  }

  async childrenOf(parent: string): Promise<string[]> {
    const links = [...(await this.rows.all(PREFIX))];
    return links.filter(([, link]) => link.parent === parent).map(([key]) => key.slice(PREFIX.length));
  }
}
