import type { ErrorInfo } from '@pizzapi/protocol';
import type { ApiResult } from '@pizzapi/session-client';

/** Something of the gateway's that a page shows: not here yet, here, or why not. The last question asked wins. */
export class AsyncResource<T> {
  value = $state.raw<T>();
  error = $state.raw<ErrorInfo>();
  readonly #ask: () => Promise<ApiResult<T>>;
  #asked = 0;

  constructor(ask: () => Promise<ApiResult<T>>) {
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
