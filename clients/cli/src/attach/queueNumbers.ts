/**
 * Gives each message in the queue a number that a person can type. A number stays with its message while the message
 * waits, also when the order changes, so that a command never meets another message than the person meant.
 */
export class QueueNumbers {
  readonly #numbers = new Map<string, number>();

  /** Forgets messages that left the queue, and numbers new ones. An empty queue begins anew at 1. */
  update(commandIds: readonly string[]): void {
    for (const id of [...this.#numbers.keys()]) if (!commandIds.includes(id)) this.#numbers.delete(id);
    let last = Math.max(0, ...this.#numbers.values());
    for (const id of commandIds) if (!this.#numbers.has(id)) this.#numbers.set(id, ++last);
  }

  readonly of = (commandId: string): number | undefined => this.#numbers.get(commandId);

  /** The message with a number. */
  commandOf(number: number): string | undefined {
    return [...this.#numbers].find(([, known]) => known === number)?.[0];
  }
}
