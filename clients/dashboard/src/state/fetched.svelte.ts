import type { ErrorInfo } from '@pizzapi/protocol';
import type { Result } from '@pizzapi/session-client';

/** Something of the gateway's that a page shows: not here yet, here, or why not. The last question asked wins. */
export class Fetched<T> {
  value = $state.raw<T>();
  error = $state.raw<ErrorInfo>();
  readonly #ask: () => Promise<Result<T>>;
  #asked = 0;

  constructor(ask: () => Promise<Result<T>>) {
    this.#ask = ask;
  }

  readonly load = async (): Promise<void> => {
    const asked = ++this.#asked;
    const answer = await this.#ask();
    if (asked !== this.#asked) return;
    if (answer.kind === 'ok') {
      this.value = answer.value;
      this.error = undefined;
    } else this.error = answer.error;
  };
}
