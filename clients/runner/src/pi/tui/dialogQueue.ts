/**
 * The terminal's dialogs, one after the other: pi has room for one, and a second would take the place of the first,
 * which then nobody could answer.
 */
export class DialogQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Shows a dialog once those before it are closed; undefined when `signal` aborts first. Never rejects. */
  show<T>(signal: AbortSignal, show: () => Promise<T>): Promise<T | undefined> {
    const shown = this.#last.then(() => (signal.aborted ? undefined : show())).catch(() => undefined);
    this.#last = shown;
    return shown;
  }
}
