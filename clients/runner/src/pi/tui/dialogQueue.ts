import { SerialQueue } from '@pizzapi/process';

/**
 * Shows the terminal's dialogs one after the other. pi has room for one: a second one would replace the first, which then
 * could not be answered.
 */
export class DialogQueue {
  readonly #queue = new SerialQueue();

  /** Shows a dialog once those before it are closed. Undefined when `signal` aborts first. Never rejects. */
  show<T>(signal: AbortSignal, show: () => Promise<T>): Promise<T | undefined> {
    return this.#queue.run(() => (signal.aborted ? undefined : show())).catch(() => undefined);
  }
}
