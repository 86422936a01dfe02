import type { GatewayBus } from '../gatewayBus.js';

/** Passes messages between gateways of one test, at once. */
export class MemoryBus implements GatewayBus {
  private readonly readers = new Set<{ subject: string; onMessage: (message: unknown) => void }>();
  private readonly gapListeners = new Set<() => void>();
  private isLosing = false;

  send(subject: string, message: object): void {
    if (this.isLosing) return;
    for (const reader of [...this.readers]) if (reader.subject === subject) reader.onMessage(message);
  }

  read(subject: string, onMessage: (message: unknown) => void): () => void {
    const reader = { subject, onMessage };
    this.readers.add(reader);
    return () => void this.readers.delete(reader);
  }

  onGap(fn: () => void): () => void {
    this.gapListeners.add(fn);
    return () => void this.gapListeners.delete(fn);
  }

  /** Loses what is sent while `work` runs. */
  lose(work: () => void): void {
    this.isLosing = true;
    work();
    this.isLosing = false;
  }

  /** Tells all readers that messages may have been missed. */
  mend(): void {
    for (const fn of [...this.gapListeners]) fn();
  }
}
