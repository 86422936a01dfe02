import type { MetaProviderUsage, SessionEvent } from '@pizzapi/protocol';
import type { ReadOnlyCalls } from './bashTap.js';
import { Coalescer, systemClock } from './coalesce.js';
import { Dialogs } from './dialogs.js';
import type { HumanExtension } from './human/extension.js';
import type { LinkedExtension } from './linked/extension.js';
import { OpenBlocks } from './openBlocks.js';
import type { ProjectTrust } from './trust/projectTrust.js';
import type { PiModes, PiSink } from './types.js';

/**
 * What stands between a session and its sink. Made before the session, because the extensions that pi loads first need
 * it; silent until the session starts.
 */
export class SessionParts {
  readonly clock = systemClock;
  readonly open = new OpenBlocks();
  readonly pieces: Coalescer;
  readonly dialogs: Dialogs;
  /** Tool calls whose output is tapped chunk by chunk. */
  readonly tapped = new Set<string>();
  /** Tool calls that may only read. */
  readonly readOnlyCalls: ReadOnlyCalls = new Set();
  /** Emits the message that waits for pi to append it, which comes before whatever is emitted next. */
  settle: () => void = () => undefined;
  /** What people and the agent do together; none when it is switched off. */
  human: HumanExtension | undefined;
  /** Changes the modes of the session; none when they are switched off. */
  modes: PiModes | undefined;
  /** The way to other sessions; none where it is not known which session this is. */
  linked: LinkedExtension | undefined;
  /** Whether what the folder has of its own is loaded; undefined where pi decides it by itself. */
  trust: ProjectTrust | undefined;
  /** What the providers say of their limits. */
  providerUsage: MetaProviderUsage | undefined;
  live = false;

  constructor(readonly sink: PiSink) {
    this.pieces = new Coalescer((delta) => {
      if (!this.live) return;
      this.open.piece(delta);
      sink.delta(delta);
    }, this.clock);
    this.dialogs = new Dialogs((event) => this.emit(event), this.clock);
  }

  /** Puts an event into the log. */
  emit(event: SessionEvent): void {
    if (!this.live) return;
    this.settle();
    this.sink.event(event);
  }
}
