import type { Presence } from '@pizzapi/protocol';
import type { RoomLimits } from './limits.js';
import type { PresenceElsewhere } from './presenceExchange.js';

export interface RoomPresenceOptions {
  limits: Pick<RoomLimits, 'presenceMs' | 'presenceListed'>;
  elsewhere: ((onChange: () => void) => PresenceElsewhere) | undefined;
  /** The viewers at this gateway. */
  own: () => Presence[];
  /** Sends a list to the viewers at this gateway. */
  show: (viewers: Presence[]) => void;
}

/** Who watches a session. Gathers changes for a moment, publishes those of this gateway and shows those of all gateways. */
export class RoomPresence {
  private timer: NodeJS.Timeout | undefined;
  /** Whether the viewers at this gateway have changed since they were published. */
  private isUnpublished = false;
  private readonly elsewhere: PresenceElsewhere | undefined;
  private isClosed = false;

  constructor(private readonly options: RoomPresenceOptions) {
    this.elsewhere = options.elsewhere?.(() => this.schedule());
  }

  /** The viewers at this gateway have changed. */
  changed(): void {
    this.isUnpublished = true;
    this.schedule();
  }

  /** No viewer of this room is left, also where its end is not published yet. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.elsewhere?.publish([], 0);
    this.elsewhere?.close();
  }

  private schedule(): void {
    if (this.isClosed) return;
    this.timer ??= setTimeout(() => this.tell(), this.options.limits.presenceMs);
  }

  private tell(): void {
    this.timer = undefined;
    const { limits, own, show } = this.options;
    const all = own();
    const here = all.slice(0, limits.presenceListed);
    if (this.isUnpublished) this.elsewhere?.publish(here, all.length);
    this.isUnpublished = false;
    show([...here, ...(this.elsewhere?.viewers() ?? [])].slice(0, limits.presenceListed));
  }
}
