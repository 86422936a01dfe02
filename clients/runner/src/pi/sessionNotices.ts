import { messageOf } from './errorMessage.js';
import type { SessionParts } from './parts.js';

/** Notices of a session for the people who watch it, and faults of our own code. */
export class SessionNotices {
  constructor(
    private readonly parts: SessionParts,
    private readonly onBug: (error: unknown) => void = console.error,
  ) {}

  show(title: string, level: 'info' | 'warning' | 'error'): void {
    this.parts.dialogs.tell({ method: 'notify', title, level });
  }

  /** Runs a listener of pi, which must not throw: pi would not store the entry that the event reports. */
  guarded(listen: () => void): void {
    try {
      listen();
    } catch (error) {
      this.bug(error);
    }
  }

  bug(error: unknown): void {
    this.show(`PizzaPi could not record a part of this turn: ${messageOf(error)}`, 'error');
    this.onBug(error);
  }
}
