import { probeWrites, type Backbone, type WriteProbeOutcome } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';

/** How long the outcome of a probe counts, in ms. */
const FRESH_MS = 5_000;

/** Whether nats-server stores what it is sent, found out by real writes when a caller wants to know. */
export class StoreHealth {
  private probe: { at: number; outcome: Promise<WriteProbeOutcome> } | undefined;
  private last: WriteProbeOutcome = 'stored';

  constructor(
    private readonly b: Backbone,
    private readonly log: Logger,
  ) {}

  /** Returns the outcome of a write that began at most `maxAgeMs` ago. */
  check(maxAgeMs = FRESH_MS): Promise<WriteProbeOutcome> {
    if (this.probe === undefined || this.probe.at < Date.now() - maxAgeMs)
      this.probe = { at: Date.now(), outcome: probeWrites(this.b).then((outcome) => this.note(outcome)) };
    return this.probe.outcome;
  }

  /** Returns whether the last write was stored, and begins another one when that was long ago. */
  get isWriting(): boolean {
    void this.check();
    return this.last === 'stored';
  }

  private note(outcome: WriteProbeOutcome): WriteProbeOutcome {
    if (outcome === 'not_stored' && this.last !== outcome)
      this.log.error({ code: 'disk_full' }, 'nats-server answers and stores nothing: its disk is full or fails');
    if (outcome === 'stored' && this.last === 'not_stored') this.log.info({}, 'nats-server stores again');
    this.last = outcome;
    return outcome;
  }
}
